// Package pgxstore keeps products in PostgreSQL through jackc/pgx, for hosts that use pgx itself and not database/sql.
// A [Store] has the statements, tables and guarantees of package sqlstore.
//
//	pool, err := pgxpool.New(ctx, "postgres://user:password@host/shop")
//	…
//	store, err := pgxstore.New(pool, nil)
//	…
//	err = store.Migrate(ctx)
//	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
//
// The pool may also serve the host's own statements. Every mode of execution of pgx is possible; behind PgBouncer in
// transaction mode choose QueryExecModeExec, QueryExecModeCacheDescribe or QueryExecModeSimpleProtocol, by
// default_query_exec_mode in the data source name. CheckSchema refuses the other modes there. Notifications pass a
// pooler in one direction only, see [Store.Listen].
//
// # The host's transaction
//
// [Store.Within] commits the host's own writes and the allocations together, and begins again after a lost race:
//
//	err := store.Within(ctx, service, func(ctx context.Context, tx pgx.Tx, inside *allocation.Service) error {
//		if _, err := tx.Exec(ctx, `INSERT INTO orders …`); err != nil {
//			return err
//		}
//		_, err := inside.Allocate(ctx, lines...)
//		return err
//	}, "RED-CHAIR")
//
// A row of the host's own can also share the commit of a command, and of a whole group of commands, by
// [allocation.Service.With] and [sqlstore.Row]; the commit then takes a single round trip, unless Options.Isolation is
// set. [Store.Join] is for hosts that begin and end a [pgx.Tx] themselves, see [allocation.Service.Inside].
//
// # Waking relays
//
// With [Options].Notify a commit wakes the relays of all processes, so that relays need not poll often:
//
//	store, err := pgxstore.New(pool, &pgxstore.Options{Notify: true})
//	…
//	go store.Listen(ctx, relay.Wake, nil)
//
// NOTIFY is sent after the commit: inside of a transaction NOTIFY would make all commits of the database wait for each
// other.
package pgxstore
