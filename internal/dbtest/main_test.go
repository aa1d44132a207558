package dbtest

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

func TestMain(m *testing.M) {
	if harness.ChildOf() == childOfTests {
		os.Exit(work())
	}
	goleak.VerifyTestMain(servers.M{M: m})
}
