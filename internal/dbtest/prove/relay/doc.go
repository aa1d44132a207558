// Package relay is the proof that every event leaves the building, and the measure of how fast. Relay processes send the
// events of one database to this one, while others are still being told; every second one of the relays, in turn, is killed
// with SIGKILL and started again. Then what arrived is compared with the ledger.
//
//	go run ./prove relay -engine postgresql -events 100000
//	go run ./prove relay -engine mariadb -lease 1s -every 500ms
//	go run ./prove relay -engine sqlite -measure=false
//
// # What happens
//
// A relay publishes over a connection on the loopback interface. An event is noted here before it is acknowledged, so a
// relay that is killed between the two, or before it has settled, makes duplicates, and never losses. That moment is
// sought in every other round of kills. Half of the events are there from the start; the others come in portions, one
// before each kill, and one commit in five stays open for a while after it has written its events.
//
// # What must hold
//
//   - Every event of every product in the ledger has arrived, as it is there, and nothing else.
//   - The first arrivals of a product are in the order of its events, without gaps, whoever sends them.
//   - A repeated event is the same as the first, its ID included.
//   - In the end there is no backlog, no failure, and no lease but those of relays that were killed; the accounts
//     of the products agree.
//   - No relay ends by itself, and none panics.
//
// The rates without kills are measured before, with one relay and with two, on events that are all there from the start.
// A takeover is the time from a kill to the next arrival of a product that the dead relay had leased: its lease, the
// time until somebody looks, and whatever is sent first.
//
// The exit code is 1 if anything of this does not hold; then the command line that repeats the run is printed.
package relay
