// Measure measures package allocation on real databases. The program has five commands:
//
//	go run ./measure yardstick -engine postgresql                 against SQL that a host would write by hand
//	go run ./measure yardstick -engine sqlite -against 8c8626d    against the library of another commit
//	go run ./measure yardstick -engine all -workload host         a host's own row in the same commit
//	go run ./measure bench -engine all                            beside a long history, and each way of locking
//	go run ./measure flood -engine all                            beside lapsed holds, also in memory
//	go run ./measure flood -waiting 100000                        beside lines that wait for units
//	go run ./measure trace -engine all                            traces and lists beside a million shipped lines
//	go run ./measure upgrade -engine all                          how long the last migration locks the tables
//
// With -short all but the last take seconds; such a run is a trial, and the figures mean little. The packages
// yardstick, bench and upgrade describe their measurements. The commands start private servers on the loopback
// interface with the usual durability. The compared sides take turns, slice by slice, so that other load on the machine
// hits all sides alike. The commands print Markdown and remove all databases in the end.
package main

import (
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/bench"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/upgrade"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/yardstick"
)

func main() {
	harness.Main("measure", yardstick.Command, bench.Command, bench.Flood, bench.Trace, upgrade.Command)
}
