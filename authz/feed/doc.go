// Package feed follows what has been ended, suspended or moved on, so that a
// token can be checked without asking the store, and still dies on every
// instance within a stated bound.
//
// A [Feed] polls [storage.Changes] and keeps the state of everything that has
// changed and that a token may still depend on. What it knows counts for one
// lease from the start of the last good poll, on the monotonic clock and on the
// wall clock both, so that neither a suspended process nor a clock that was set
// stretches it. Past the lease every check is one read of the store, by a
// bounded number at a time; if the store does not answer, the answer is
// [ErrStale], never yes.
//
// Memory is bounded per client and in all. Beyond a bound, that client's tokens,
// or everyone's, are checked against the store.
//
// A [Cache] keeps records beside the feed: an entry counts only while no newer
// change of that record is known.
package feed
