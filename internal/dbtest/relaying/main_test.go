package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(jobVariable); text != "" {
		os.Exit(relay(text, spoilers[os.Getenv(spoilVariable)]))
	}
	goleak.VerifyTestMain(servers.M{M: m})
}
