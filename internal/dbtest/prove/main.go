// Prove proves under load, kills and lost connections that package allocation keeps its promises on real databases. It
// has two commands:
//
//	go run ./prove torture -engine postgresql -mode all -for 60s        nothing is sold twice, nothing is lost
//	go run ./prove relay -engine postgresql -events 100000              every event leaves once or more, in its order
//
// Without a name the first is meant. The packages torture and relay describe what they do and what must hold. The exit
// code is 1 if something doesn't; then the command line that repeats the run is printed.
package main

import (
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/prove/relay"
	"github.com/cosmic-go/allocation/internal/dbtest/prove/torture"
)

func main() { harness.Main("prove", torture.Command, relay.Command) }
