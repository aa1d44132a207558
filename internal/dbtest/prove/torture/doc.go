// Package torture is the load proof of package allocation on a real database. Several client processes, each with many
// callers, send random commands to few SKUs on one database; meanwhile callers hang up, connections are cut, the clients
// are killed with SIGKILL and started again, and so is the server. Then everything that the clients were told is compared
// with what the database holds.
//
//	go run ./prove torture -engine postgresql -for 60s
//	go run ./prove torture -engine mariadb -seed 42 -processes 6 -callers 16 -kills 10 -restarts 4
//	go run ./prove torture -engine sqlite -mode alone
//
// All callers of a client share one Service, so their commands are committed together, and find products that were kept
// from the commit before; every fourth client locks from the start instead, and one of four hardly does anything but
// place lines, since only that uses kept products. The modes switch these off: alone is without groups, and so without kept
// products, unkept is without kept products, and with locked every client locks.
//
// # What is recorded
//
// Each client keeps a journal: before a command it writes what it is about to try, and after it what it was told. A
// command without an answer, because it was lost or because the client was killed, is repeated until there is one.
// Every attempt has a trace parent of its own, so that every event of the ledger names the attempt that caused it, also
// in a commit of several callers. Every client has a clock whose microseconds no other client's clock shows, and none of
// them twice, so that every event names its commit as well.
//
// # What must hold
//
//   - At every moment a sampler sees no batch that has promised more than it has, or another number than its lines add up to.
//   - The ledger, replayed event by event, never promises more than there is, moves nobody's line but by the rules,
//     and leads to exactly the counters and lines that the tables hold. Its events are numbered without gaps.
//   - Every event was told while its attempt was under way. A caller who leaves a commit that goes on may be early, but
//     hears nothing definite from a repeat before that commit has ended.
//   - What was acknowledged is in the ledger once, and what the caller was answered is what the line was then. The host hears
//     of exactly the events that it caused.
//   - What was refused or failed left nothing. A refusal's number is true. An order is there as a whole or not at all.
//   - Reconcile finds no drift, no deadlock and no error that nobody expects reached a caller, and nobody waits for ever.
//
// One thing is only counted: a commit whose answer was lost, because the client or its connection was gone, can still be
// under way when its repeat is refused, and arrive after it. The whole order is there then, once.
//
// The exit code is 1 if anything of this does not hold; then the command line that repeats the decisions is printed,
// with their timing aside.
package torture
