// Package storage is the contract between Gatewright and whatever keeps its
// data: plain records, and small interfaces of commands.
//
// A command is atomic by itself. It commits its effect, the [Change] that other
// instances must hear of and the administrative [Event] that describes it
// together, or nothing at all. There is no transaction in the context: a store
// that has transactions uses them inside a command, and may offer [Transactor]
// to hosts that want to join their own data.
//
// What must happen once (a code redeemed, a refresh token rotated, a message id
// spent) is decided by the store, never by a lock in the process, so that any
// number of instances may share one store.
//
// A store sees ciphertext and keyed hashes only: no secret, token or account id
// is ever handed to it in the clear.
//
// Times are UTC and kept to the millisecond; the zero time means "never" for an
// expiry and "not yet" for an event. An expiry has come when the time is not
// before it. Records are values: a store copies what it
// is given and what it gives. Text is UTF-8 without NUL (but for the ids of
// changes) and compared byte by byte; a store may refuse other text, and ids of
// more than 255 bytes.
//
// Implementations: [github.com/gatewright/gatewright/storage/memory] and
// [github.com/gatewright/gatewright/adapters/gormstore]. A new one proves itself
// with [github.com/gatewright/gatewright/storage/storagetest].
package storage
