package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// requireVariable, set to 1, makes a missing server a failure: for a machine that is supposed to have them.
const requireVariable = "ALLOCATION_REQUIRE_SERVERS"

// Shared is the server of an engine that all tests of the process use, the environment's or a private and fast one.
// It starts at the first call and is stopped by M; without M, its guard stops it after the process. Without a
// server the test is skipped, or fails if the environment requires one. Nobody kills a shared server or changes
// its settings; that is what Dedicated is for.
func Shared(t testing.TB, engine *Engine) *Server {
	t.Helper()
	s, err := shared.open(t.Context(), engine)
	if err != nil {
		giveUp(t, err)
	}
	return s
}

// Dedicated is a private server for one test, which may do with it whatever it likes. It is stopped after the test.
// Without a server it does as Shared.
func Dedicated(t testing.TB, engine *Engine, opts *Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), engine, opts)
	if err != nil {
		giveUp(t, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s logged:\n%s", engine, s.Log())
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Database is the DSN of a new, empty database for one test, which is dropped after it.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	d, err := s.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.down() {
			return // a test has killed its own server: all of its data go with it
		}
		if err := s.DropDatabase(context.WithoutCancel(t.Context()), d); err != nil {
			t.Error(err)
		}
	})
	return d.DSN
}

// down says that the server is a private one which does not run.
func (s *Server) down() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.private && s.running == nil
}

// giveUp ends a test that has no server, as a skip if nobody said that there has to be one.
func giveUp(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrNoServer) && os.Getenv(requireVariable) != "1" {
		t.Skip(err)
	}
	t.Fatal(err)
}

// M runs the tests of a package and stops the shared servers after them. It is what goleak.VerifyTestMain takes.
type M struct{ *testing.M }

// Run runs the tests and returns the exit code of the process.
func (m M) Run() int {
	code := m.M.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// shared are the servers of Shared.
var shared pool

// A pool has at most one server of each engine.
type pool struct {
	mu      sync.Mutex
	opened  map[*Engine]*Server
	refused map[*Engine]error // what failed once is not tried again by every test
}

func (p *pool) open(ctx context.Context, engine *Engine) (*Server, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, err := p.opened[engine], p.refused[engine]; s != nil || err != nil {
		return s, err
	}
	s, err := Open(ctx, engine, &Options{Fast: true})
	if p.opened == nil {
		p.opened, p.refused = map[*Engine]*Server{}, map[*Engine]error{}
	}
	p.opened[engine], p.refused[engine] = s, err
	return s, err
}

// stop stops all of them. The next open starts anew.
func (p *pool) stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var failed []error
	for _, s := range p.opened {
		if s != nil {
			failed = append(failed, s.Stop())
		}
	}
	p.opened, p.refused = nil, nil
	return errors.Join(failed...)
}
