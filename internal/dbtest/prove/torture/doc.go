// Package torture is the load proof of package allocation on a real database. Several client processes, each with
// many callers, send random commands for few SKUs to one database. Meanwhile callers hang up, connections are cut,
// clients are killed with SIGKILL and started again, and so is the server. In the end every answer that a client got
// is compared with the database.
//
//	go run ./prove torture -engine postgresql -for 60s
//	go run ./prove torture -engine mariadb -seed 42 -processes 6 -callers 16 -kills 10 -restarts 4
//	go run ./prove torture -engine sqlite -mode alone
//	go run ./prove torture -engine galera -writers 3
//
// All callers of a client share one Service, so the Service commits their commands in groups and finds products in
// its cache. Every fourth client locks rows from the start, and every fourth client places hardly anything but new
// lines, since no other command uses cached products. The modes switch parts off: alone has neither groups nor cached
// products, unkept has no cached products, and with locked every client locks from the start.
//
// The engine galera is a cluster of three MariaDB servers. Each client has connections to the
// first servers, as many as -writers says, and to the other servers while all writers are down. Restarts kill a single
// server at a time, which then joins the cluster again. On a cluster a command may fail with a deadlock after the last
// attempt, since servers learn of each other's locks only at COMMIT.
//
// # Records
//
// Each client keeps a journal. The client writes an entry before each attempt of a command, and another entry with
// the answer. A command without an answer, because the connection or the client was lost, is repeated until an answer
// comes. Every attempt has a trace parent of its own, so every event in the ledger names the attempt that caused the
// event, even where several callers share a commit. Every client has a clock with microseconds that no other client's
// clock shows, and shows no microsecond twice, so every event names its commit as well.
//
// # Checks
//
//   - A sampler reads the batches all the time. In every sample, a batch has promised no more units than there are,
//     and exactly as many as the lines of the batch add up to.
//   - The ledger is replayed event by event. At no event are more units promised than there are, lines move by the
//     rules alone, are handed over once and whole, and the result equals the counters and lines in the tables. The
//     events are numbered without gaps.
//   - At no event is a line given units of a batch outside the line's terms, and after no commit does a line have such
//     units, unless a slip of the batch marked the line as late. The mark is told when the mark changes, and at no
//     other time. Expiry is told once, and a part has exactly the units that the split batch gave.
//   - Nobody is given units out of turn: at no event does a line get units while another line that comes first, by
//     priority and age, would have taken the units that were free just before, under its own terms; a line that did not
//     wait comes after every line that waits. Lines that lose their places in a batch come before both. After no commit
//     are units free that somebody in line would take, unless the commit served a page of lines.
//   - Every event was recorded while its attempt was under way. An attempt whose caller left a running commit may
//     have ended before its event; a repeat then gets no final answer before that commit has ended.
//   - An acknowledged command is in the ledger once, and the answer shows the line as the line was at that time. The
//     host hears of exactly the events that the host's own command caused.
//   - A refused or failed command has changed nothing, and the number in a refusal is true. An order is in the tables
//     with all of its lines or with none.
//   - Reconcile finds no drift. No caller gets a deadlock or an unforeseen error, and every command ends.
//   - All servers of a cluster have the same rows.
//
// One case is counted and is no fault: the answer to a commit is lost with its client or connection, the repeat is
// refused, and the commit arrives after the refusal. The whole order is in the tables then, once.
//
// A fault makes the exit code 1. The program prints the command line that repeats the same decisions; the timing
// differs from run to run.
package torture
