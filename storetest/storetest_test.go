package storetest_test

import (
	"testing"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, storetest.Config{New: func(testing.TB) allocation.Store { return memory.New() }})
}

func TestRowsMayRunInParallel(t *testing.T) {
	storetest.Run(t, storetest.Config{New: func(t testing.TB) allocation.Store {
		if row, is := t.(*testing.T); is {
			row.Parallel()
		}
		return memory.New()
	}})
}
