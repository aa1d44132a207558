package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Pair is a PostgreSQL server, the primary, and a standby that has every acknowledged commit and answers reads. A Pair
// is for one goroutine.
type Pair struct{ primary, standby *Server }

// StartPair starts both servers, which takes about five seconds. The caller stops the pair. The error wraps ErrNoServer
// if PostgreSQL is not installed here.
func StartPair(ctx context.Context, opts *Options) (*Pair, error) {
	p := &Pair{}
	var err error
	first := *PostgreSQL
	first.serve = func(found programs, folder string, port int) []string { // a standby connects again at once
		return append(PostgreSQL.serve(found, folder, port), "-c", "wal_retrieve_retry_interval=20ms")
	}
	if p.primary, err = Start(ctx, &first, opts); err != nil {
		return nil, err
	}
	second := first
	second.setup = func(found programs, folder, _ string) []string { return copyOf(p.primary, found, folder) }
	second.dsn = func(port int, _ string) string { return withPort(p.primary.dsn, port) }
	if p.standby, err = Start(ctx, &second, opts); err == nil {
		err = p.synchronise(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// DedicatedPair is a pair for a single test, stopped after the test. Without PostgreSQL the test is skipped or fails,
// as with Shared.
func DedicatedPair(t testing.TB, opts *Options) *Pair {
	t.Helper()
	p, err := StartPair(t.Context(), opts)
	if err != nil {
		giveUp(t, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the primary logged:\n%s\nthe standby logged:\n%s", p.primary.Log(), p.standby.Log())
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Primary is the server that takes writes. At a failover the servers trade places.
func (p *Pair) Primary() *Server { return p.primary }

// Standby is the other server.
func (p *Pair) Standby() *Server { return p.standby }

// Stop stops both servers.
func (p *Pair) Stop() error {
	var failed []error
	for _, s := range []*Server{p.primary, p.standby} {
		if s != nil {
			failed = append(failed, s.Stop())
		}
	}
	return errors.Join(failed...)
}

// DSN is a DSN for both servers in place of the DSN of one: clients try the primary of this moment first.
func (p *Pair) DSN(dsn string) string {
	_, rest, _ := strings.Cut(dsn, "@")
	_, rest, _ = strings.Cut(rest, "/")
	before, _, _ := strings.Cut(p.primary.dsn, "/postgres?")
	u, _ := url.Parse(p.standby.dsn)
	return before + "," + u.Host + "/" + rest
}

// OnStandby is the DSN of a database on the standby.
func (p *Pair) OnStandby(d Database) string {
	dsn, err := p.standby.engine.in(p.standby.dsn, d.name)
	if err != nil {
		return p.standby.dsn // which fails for want of tables
	}
	return dsn
}

// CaughtUp waits until the standby shows every commit that the primary has acknowledged so far.
func (p *Pair) CaughtUp(ctx context.Context) error {
	var position string
	if err := p.primary.value(ctx, "SELECT CAST(pg_current_wal_insert_lsn() AS text)", &position); err != nil {
		return err
	}
	return p.standby.await(ctx, fmt.Sprintf("SELECT pg_last_wal_replay_lsn() >= '%s'", position))
}

// Failover kills the primary and promotes the standby. It returns when the standby takes writes.
func (p *Pair) Failover(ctx context.Context) error {
	if err := p.primary.Kill(); err != nil {
		return err
	}
	p.primary, p.standby = p.standby, p.primary
	if err := p.primary.execute(ctx, "SELECT pg_promote()"); err != nil {
		return fmt.Errorf("promote the standby: %w", err)
	}
	return p.primary.await(ctx, "SELECT NOT pg_is_in_recovery()")
}

// Detach makes the primary wait for no standby, and the standby receive nothing more, as an asynchronous standby that
// lags. Rejoin undoes both after the next Failover.
func (p *Pair) Detach(ctx context.Context) error {
	if err := p.primary.reconfigure(ctx, "synchronous_standby_names", ""); err != nil {
		return err
	}
	if err := p.standby.reconfigure(ctx, "primary_conninfo", ""); err != nil {
		return err
	}
	if err := p.primary.await(ctx, "SELECT current_setting('synchronous_standby_names') = ''"); err != nil {
		return err
	}
	return p.standby.await(ctx, "SELECT COUNT(*) = 0 FROM pg_stat_wal_receiver")
}

// Rejoin makes the server that was killed the standby of the other one, with a fresh copy of the data.
func (p *Pair) Rejoin(ctx context.Context) error {
	s := p.standby
	found, err := PostgreSQL.installed()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(s.folder, "data")); err != nil {
		return err
	}
	output, err := s.guard.command(ctx, copyOf(p.primary, found, s.folder)).CombinedOutput()
	if err := errors.Join(err, s.guard.ended()); err != nil {
		return fmt.Errorf("copy the data: %w\n%s", err, output)
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	return p.synchronise(ctx)
}

// follower names the standby to the primary.
const follower = "follower"

// copyOf is the command that copies the data of a server, for a standby.
func copyOf(primary *Server, found programs, folder string) []string {
	return []string{
		filepath.Join(filepath.Dir(found.setup), "pg_basebackup"),
		"--pgdata=" + filepath.Join(folder, "data"), "--dbname=" + primary.dsn + "&application_name=" + follower,
		"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync",
	}
}

// synchronise makes commits wait for the standby.
func (p *Pair) synchronise(ctx context.Context) error {
	if err := p.primary.reconfigure(ctx, "synchronous_standby_names", follower); err != nil {
		return err
	}
	return p.primary.await(ctx, "SELECT COUNT(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'")
}

// reconfigure changes a setting of a running PostgreSQL server. The server reads the setting a little later.
func (s *Server) reconfigure(ctx context.Context, name, value string) error {
	if err := s.execute(ctx, fmt.Sprintf("ALTER SYSTEM SET %s = '%s'", name, value)); err != nil {
		return err
	}
	return s.execute(ctx, "SELECT pg_reload_conf()")
}

// await waits until a query returns true.
func (s *Server) await(ctx context.Context, query string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		var is bool
		err := s.value(ctx, query, &is)
		if err == nil && is {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s stays false: %w", query, errors.Join(err, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// value runs a query for a single value.
func (s *Server) value(ctx context.Context, query string, value any) error {
	db, err := sql.Open(s.engine.driver, s.dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.QueryRowContext(ctx, query).Scan(value)
}

// withPort is the DSN with another port.
func withPort(dsn string, port int) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn // which fails to connect
	}
	u.Host = fmt.Sprintf("%s:%d", u.Hostname(), port)
	return u.String()
}
