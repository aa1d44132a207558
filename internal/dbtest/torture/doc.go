// Torture is the load proof of package allocation on a real database. Several client processes, each with many
// callers, send random commands to few SKUs on one database; meanwhile their connections are cut, the clients are
// killed with SIGKILL and started again, and so is the server. Then everything that the clients were told is compared
// with what the database holds.
//
//	go run ./torture -engine postgresql -for 60s
//	go run ./torture -engine mariadb -seed 42 -processes 6 -callers 16 -kills 10 -restarts 4
//	go run ./torture -engine sqlite
//
// # What is recorded
//
// Each client keeps a journal: before a command it writes what it is about to try, and after it what it was told. A
// command without an answer, because it was lost or because the client was killed, is repeated until there is one.
// Every caller has a clock whose microseconds nobody else's clock shows, so that every event of the ledger names the
// caller and the attempt that told it.
//
// # What must hold
//
//   - At every moment a sampler sees no batch that has promised more than it has, or another number than its lines add up to.
//   - The ledger, replayed event by event, never promises more than there is, moves nobody's line but by the rules,
//     and leads to exactly the counters and lines that the tables hold. Its events are numbered without gaps.
//   - What was acknowledged is in the ledger once, and what the caller was answered is what the line was then.
//   - What was refused or failed left nothing. A refusal's number is true. An order is there as a whole or not at all.
//   - Reconcile finds no drift, no deadlock and no error that nobody expects reached a caller, and nobody waits for ever.
//
// One thing is only counted: a commit whose answer was lost, because the client or its connection was gone, can still be
// under way when its repeat is refused, and arrive after it. The whole order is there then, once.
//
// The exit code is 1 if anything of this does not hold; then the command line that repeats the decisions is printed,
// with their timing aside.
package main
