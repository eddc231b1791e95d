// Package memory keeps everything in the memory of one process. It obeys the
// whole contract of [github.com/gatewright/gatewright/storage], transactions
// included, and forgets all of it when the process ends: it is for tests,
// demonstrations and hosts whose data may vanish.
//
// Nothing bounds what it keeps but [Store.Sweep], and events are never swept:
// a process that runs for long needs a store on disk.
package memory
