// Contender is the process that holds the library's side when the yardstick compares two commits. The yardstick
// builds it against the library of either commit and talks to it over standard input and output.
package main

import (
	"os"

	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
)

func main() { os.Exit(sides.Live()) }
