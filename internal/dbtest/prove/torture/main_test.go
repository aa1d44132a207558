package torture

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

func TestMain(m *testing.M) {
	if harness.ChildOf() != "" {
		os.Exit(client(spoilers[os.Getenv(spoilVariable)]))
	}
	goleak.VerifyTestMain(m)
}
