// Measure measures package allocation on real databases. It has two commands:
//
//	go run ./measure yardstick -engine postgresql                 against SQL that a host would write by hand
//	go run ./measure yardstick -engine sqlite -against 8c8626d    against the library of another commit
//	go run ./measure bench -engine all                            beside a long history, and each way of locking
//
// With -short a command takes seconds and shows that it works; the figures mean little. The packages yardstick and bench
// describe what they measure. The commands start private servers on the loopback interface with their usual
// durability, measure the sides in turns, slice by slice, so that other load on the machine hits all sides alike, print
// Markdown, and remove everything.
package main

import (
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/bench"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/yardstick"
)

func main() { harness.Main("measure", yardstick.Command, bench.Command) }
