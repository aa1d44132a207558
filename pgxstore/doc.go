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
// transaction mode choose QueryExecModeCacheDescribe or QueryExecModeExec.
//
// # The host's transaction
//
// [Store.Join] is for hosts with writes of their own in a [pgx.Tx]:
//
//	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
//		if _, err := tx.Exec(ctx, `INSERT INTO orders …`); err != nil {
//			return err
//		}
//		service, err := allocation.New(allocation.NewUnitOfWork(store.Join(tx), nil), nil)
//		if err != nil {
//			return err
//		}
//		_, err = service.Allocate(ctx, lines...)
//		return err // an ErrConflict: begin again
//	})
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
