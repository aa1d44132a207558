// Package relay proves that every event leaves the database, and measures how fast. Relay processes send the events
// of one database to this process, while a shop goes on selling. Once a second the next relay in turn is killed with
// SIGKILL and started again. In the end the arrivals are compared with the ledger.
//
//	go run ./prove relay -engine postgresql -events 100000
//	go run ./prove relay -engine mariadb -lease 1s -every 500ms
//	go run ./prove relay -engine sqlite -measure=false
//
// # Load
//
// A relay publishes over a connection on the loopback interface. This process notes an event before the
// acknowledgement, so a relay killed between the two, or before the relay has settled, makes duplicates and never
// losses. Every other round of kills waits for exactly that moment. Half of the events are committed before the
// relays start. The other half comes in portions, one before each kill, and one commit in five stays open for a while
// after writing its events. The shop repeats a command that fails, since a cluster may be away for a while.
//
// # Checks
//
//   - Every event in the ledger has arrived, unchanged, and no other event has. The events of acknowledged commits are
//     in the ledger.
//   - The first arrivals of a product are in the order of its events, without gaps, whichever relay sent them.
//   - A repeated event equals the first arrival, ID included.
//   - In the end the backlog is empty, no failure is stored, only killed relays hold leases, and the accounts of the
//     products agree.
//   - No relay ends by itself, and none panics.
//
// With -measure the program first measures the rates of one relay and of two without kills, on events that are all
// committed before. A takeover is the time from a kill to the next arrival of a product leased by the dead relay: the
// rest of the lease, the time until another relay looks, and the time to send.
//
// A fault makes the exit code 1, and the program prints the command line that repeats the run.
package relay
