// Package maskedid checks that the masked account or customer id in a request is
// the mask of the id that the request's token was issued for.
//
// The mask shows the first four and the last three characters and replaces each
// one between by x: 1234999999567 is written 1234xxxxxx567. It is a consistency
// check and nothing else. Very many ids share a mask, so nothing is ever looked
// up by it: the id that is authorized is the token's, in full, and handlers take
// it from the context, never from the request.
//
// [Match] and [Check] compare one mask. [Sources] says where a route carries the
// mask (path, query, header, verified body); all of them must be there and
// agree. [Control] does it in front of a handler.
package maskedid
