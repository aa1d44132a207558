package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrNotPrivate is answered by Kill and Start for a server that the environment names: it is not ours to stop.
var ErrNotPrivate = errors.New("not a private server")

// startLimit is the time that a server has to come up, recovery from a crash included.
const startLimit = time.Minute

// Options are those of a private server. Nil is the same as none.
type Options struct {
	// Fast is for tests that ask what a server answers, and not how quickly or how reliably: it doesn't wait for the
	// disk and takes little memory. A killed server still keeps all that was committed; a machine that loses
	// its power would not.
	Fast bool
	// Settings are values of the server's own configuration, such as "innodb_snapshot_isolation": "ON" or
	// "default_transaction_isolation": "serializable". They win over what this package sets.
	Settings map[string]string
}

// Server is a server that answers. It is safe for concurrent use.
type Server struct {
	engine *Engine
	dsn    string // of no database of a test's

	private bool
	argv    []string
	folder  string
	guard   *guard

	mu      sync.Mutex
	running *exec.Cmd // nil while it is killed or stopped
	stopped bool
	started bool // the server has answered once
}

// Open answers the server that the environment names or, if it names none, does what Start does.
func Open(ctx context.Context, engine *Engine, opts *Options) (*Server, error) {
	dsn := os.Getenv(engine.variable)
	if dsn == "" {
		return Start(ctx, engine, opts)
	}
	s := &Server{engine: engine, dsn: dsn}
	if err := s.ping(ctx); err != nil {
		return nil, fmt.Errorf("%s: the server of %s: %w", engine, engine.variable, err)
	}
	return s, nil
}

// Start starts a private server and returns when it answers. The caller stops it. The error wraps ErrNoServer if the
// engine is not installed here.
func Start(ctx context.Context, engine *Engine, opts *Options) (*Server, error) {
	if opts == nil {
		opts = &Options{}
	}
	found, err := engine.installed()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", engine, err)
	}
	s := &Server{engine: engine, private: true}
	if err := s.create(ctx, found, opts); err != nil {
		return nil, fmt.Errorf("%s: %w", engine, errors.Join(err, s.Stop()))
	}
	return s, nil
}

// create makes the folder, its guard and the data in it, and starts the server.
func (s *Server) create(ctx context.Context, found programs, opts *Options) error {
	runs, err := stranger(s.engine.accounts)
	if err != nil {
		return err
	}
	if s.folder, err = os.MkdirTemp("", "allocation-"+strings.ToLower(s.engine.name)+"-"); err != nil {
		return err
	}
	if err := runs.give(s.folder); err != nil {
		return errors.Join(err, os.Remove(s.folder))
	}
	if s.guard, err = newGuard(ctx, s.folder, s.engine.signal, runs); err != nil {
		return errors.Join(err, os.Remove(s.folder))
	}
	password := rand.Text()
	if err := s.setUp(ctx, found, password); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		port, err := freePort(ctx, s.engine.taken)
		if err != nil {
			return err
		}
		s.dsn = s.engine.dsn(port, password)
		s.argv = append(s.engine.serve(found, s.folder, port), opts.arguments(s.engine)...)
		err = s.Start(ctx)
		if err == nil || attempt == 3 || listens(ctx, port) == nil {
			return err
		}
		// Somebody else took the port since we looked.
	}
}

// setUp makes the server's data.
func (s *Server) setUp(ctx context.Context, found programs, password string) error {
	secret := filepath.Join(s.folder, "secret")
	if err := os.WriteFile(secret, []byte(s.engine.secret(password)), 0o600); err != nil {
		return err
	}
	if err := s.guard.account.give(secret); err != nil {
		return err
	}
	cmd := s.guard.command(ctx, s.engine.setup(found, s.folder, secret))
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("set up the data: %w\n%s", err, output)
	}
	return errors.Join(s.guard.ended(), os.Remove(secret))
}

// arguments are those for the options, in an order in which the caller's settings come last.
func (o *Options) arguments(engine *Engine) []string {
	var args []string
	if o.Fast {
		args = append(args, engine.fast...)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
		args = append(args, engine.setting(name, o.Settings[name])...)
	}
	return args
}

// give hands a file over to the account. Nil, which is ourselves, has it already.
func (a *account) give(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, a.user, a.group)
}

// Engine is the server's kind.
func (s *Server) Engine() *Engine { return s.engine }

// Start starts a killed server again, on the same port and the same data, and returns when it answers. A server that
// runs stays as it is.
func (s *Server) Start(ctx context.Context) error {
	if !s.private {
		return ErrNotPrivate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return fmt.Errorf("start %s: the server was stopped for good", s.engine)
	}
	if s.running != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	argv, err := s.command(ctx)
	if err != nil {
		return err
	}
	cmd := s.guard.command(ctx, argv)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.running = cmd
	if err := s.awaitAnswer(ctx); err != nil {
		return fmt.Errorf("start %s: %w\n%s", s.engine, errors.Join(err, s.kill()), s.Log())
	}
	s.started = true
	return nil
}

// command returns the command for the next start.
func (s *Server) command(ctx context.Context) ([]string, error) {
	if s.engine.once == nil {
		return s.argv, nil
	}
	more, err := s.engine.once(ctx, s)
	return slices.Concat(s.argv, more), err
}

// awaitAnswer waits until the server answers, has ended, or the context has.
func (s *Server) awaitAnswer(ctx context.Context) error {
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		if exited(s.running) {
			return errors.New("the server ended at once")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w (%w)", err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the server with SIGKILL, its children too, as a crash would: no connection is told, nothing is written that
// was not. It returns when all of them are gone. A server that is down stays down.
func (s *Server) Kill() error {
	if !s.private {
		return ErrNotPrivate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return nil
	}
	return s.kill()
}

func (s *Server) kill() error {
	if err := crash(s.running); err != nil {
		return fmt.Errorf("kill %s: %w", s.engine, err)
	}
	s.running = nil
	return s.guard.ended()
}

// Stop ends a private server for good and removes all that it has left, and returns when that is done. One that the
// environment names runs on. To stop it again does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.guard == nil || s.stopped {
		return nil
	}
	s.stopped = true
	running := s.running
	s.running = nil
	if err := s.guard.release(running); err != nil {
		return fmt.Errorf("stop %s: %w", s.engine, err)
	}
	return nil
}

// logLimit is how much of a server's log is shown, in bytes.
const logLimit = 8 << 10

// Log is the end of what a private server has logged so far.
func (s *Server) Log() string {
	content, err := os.ReadFile(s.logFile())
	if err != nil {
		return ""
	}
	return string(content[max(0, len(content)-logLimit):])
}

func (s *Server) logFile() string { return filepath.Join(s.folder, "log") }
