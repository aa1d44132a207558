package pgxstore

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// channelOf returns the name of the channel of NOTIFY. Stores with equal prefixes in several schemas share a channel,
// which costs relays a look at the outbox. A valid prefix needs no quotes.
func channelOf(opts *sqlstore.Options) string {
	if opts.TablePrefix == "" {
		return "allocation_outbox"
	}
	return opts.TablePrefix + "outbox"
}

const sendNotify = `SELECT pg_notify($1, '')`

// Notify wakes [Store.Listen] in all processes. Call Notify after the commit of a transaction of the host's own, see
// [Store.Join]; all other commits call Notify if [Options].Notify is set.
func (s *Store) Notify(ctx context.Context) error {
	if err := s.check(ctx, "Notify"); err != nil {
		return err
	}
	if _, err := (database{s.pool}).Exec(ctx, sendNotify, s.channel); err != nil {
		return failed("Notify", err)
	}
	return nil
}

func (s *Store) check(ctx context.Context, op string) error {
	switch {
	case s == nil || s.pool == nil:
		return invalid(op, "store", "must be made by New")
	case ctx == nil:
		return invalid(op, "context", "must not be nil")
	}
	return nil
}

func failed(op string, err error) error {
	return &allocation.Error{Op: op, Field: "database", Value: "postgresql", Err: err}
}

// notifier sends NOTIFY after commits, one at a time. A commit that finds a NOTIFY waiting for another NOTIFY needs
// none of its own, because the waiting one is sent after the commit, too.
type notifier struct {
	pool    *pgxpool.Pool
	channel string
	waiting atomic.Bool
	sending chan struct{} // holds a value while a NOTIFY is under way
}

// notifyTime limits the time that a commit waits for a NOTIFY.
const notifyTime = 5 * time.Second

// notify does nothing on a nil notifier. An error is ignored: the relays poll.
func (n *notifier) notify(ctx context.Context) {
	if n == nil || !n.waiting.CompareAndSwap(false, true) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, notifyTime)
	defer cancel()
	select {
	case <-ctx.Done():
		n.waiting.Store(false)
		return
	case n.sending <- struct{}{}:
	}
	defer func() { <-n.sending }()
	n.waiting.Store(false) // before sending: a commit from now on may come too late for this NOTIFY
	_, _ = database{n.pool}.Exec(ctx, sendNotify, n.channel)
}

// ListenOptions are the settings of [Store.Listen]; zero values are defaults.
type ListenOptions struct {
	// Pause is the time between a lost connection and the next attempt to connect, by default a second.
	Pause time.Duration

	// Logger, if set, gets a warning for each lost connection, each failed attempt to connect, and each connection
	// that leads through a pooler.
	Logger *slog.Logger
}

// Listen calls wake after every NOTIFY of any process, until ctx ends, and returns the error of ctx:
//
//	go store.Listen(ctx, relay.Wake, nil)
//
// Listen also calls wake each time that Listen has connected, because notifications may have been missed. Calls of wake
// follow each other. Listen uses a connection of its own, outside of the limit of the pool. LISTEN needs a session: a
// pooler such as PgBouncer in transaction mode answers LISTEN and loses every notification, so Listen needs a store
// over a pool that leads to the server itself. NOTIFY may go through a pooler. A relay that polls misses nothing.
func (s *Store) Listen(ctx context.Context, wake func(), opts *ListenOptions) error {
	if err := s.check(ctx, "Listen"); err != nil {
		return err
	}
	if opts == nil {
		opts = &ListenOptions{}
	}
	switch {
	case wake == nil:
		return invalid("Listen", "wake", "must not be nil")
	case opts.Pause < 0:
		return invalid("Listen", "pause", "must not be negative")
	}
	pause := opts.Pause
	if pause == 0 {
		pause = time.Second
	}
	for {
		err := s.listen(ctx, wake, opts.Logger)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if opts.Logger != nil {
			opts.Logger.WarnContext(ctx, "pgxstore: LISTEN failed", "channel", s.channel, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// listen calls wake for every notification on one connection, and returns the error that ends the connection.
func (s *Store) listen(ctx context.Context, wake func(), logger *slog.Logger) error {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	conn := pooled.Hijack()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		_ = conn.Close(ctx) // the connection is lost, or nobody needs the connection
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+s.channel); err != nil {
		return err
	}
	if logger != nil && leadsThroughPooler(ctx, conn) {
		logger.WarnContext(ctx, "pgxstore: LISTEN through a pooler, which loses notifications in transaction mode",
			"channel", s.channel)
	}
	for {
		wake()
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

// leadsThroughPooler reports whether the process that answers is another one than the process that pgx was told of. A
// pooler invents the number that it tells.
func leadsThroughPooler(ctx context.Context, conn *pgx.Conn) bool {
	var pid uint32
	err := conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	return err == nil && pid != conn.PgConn().PID()
}
