package dbtest

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(servers.M{M: m}) }
