// Contender is the process that holds the library's side when the yardstick compares two commits. The yardstick
// builds it against the library of either commit and talks to it over standard input and output.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cosmic-go/allocation/internal/dbtest/yardstick/sides"
)

func main() {
	if err := sides.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "contender:", err)
		os.Exit(1)
	}
}
