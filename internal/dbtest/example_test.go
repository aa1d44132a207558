package dbtest

import (
	"context"
	"database/sql"
	"fmt"

	_ "modernc.org/sqlite"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// Example opens a store on SQLite and places the first order. A host would name a file in place of :memory:, which
// needs a pool of one connection.
func Example() {
	db, err := sql.Open("sqlite", "file::memory:"+
		"?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	if err := store.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := service.AddBatch(ctx, allocation.Batch{Ref: "batch-1", SKU: "SMALL-TABLE", Purchased: 20}); err != nil {
		fmt.Println(err)
		return
	}
	given, err := service.Allocate(ctx, allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: "order-1", SKU: "SMALL-TABLE", Quantity: 2},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d units from %s\n", given[0].Quantity, given[0].Parts[0].Batch)

	// Output: 2 units from batch-1
}

// Example_migrations lists the schema as text, for a host with a migration tool of its own.
func Example_migrations() {
	migrations, err := sqlstore.Migrations(sqlstore.SQLite, &sqlstore.Options{TablePrefix: "shop_"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range migrations {
		fmt.Printf("version %d: %s.sql\n", m.Version, m.Name)
	}

	// Output:
	// version 1: 0001_allocation.sql
	// version 2: 0002_outbox.sql
	// version 3: 0003_terms.sql
	// version 4: 0004_trace.sql
	// version 5: 0005_lean.sql
	// version 6: 0006_forgotten.sql
}
