// Prove proves on real databases that package allocation keeps the promises of its documentation under load, while
// processes are killed and connections are lost. The program has two commands:
//
//	go run ./prove torture -engine postgresql -mode all -for 60s    no unit is sold twice, and no order is lost
//	go run ./prove relay -engine postgresql -events 100000          every event is sent, in the order of its product
//
// With -dsn the program uses a database that exists, see docs/proving.md. Without a name the program runs torture. The
// packages torture and relay describe the load and the checks. A fault makes the exit code 1, and the program prints
// the command line that repeats the run.
package main

import (
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/prove/relay"
	"github.com/cosmic-go/allocation/internal/dbtest/prove/torture"
)

func main() { harness.Main("prove", torture.Command, relay.Command) }
