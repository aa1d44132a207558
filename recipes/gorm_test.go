package recipes

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/cosmic-go/allocation"
)

type gormShop struct {
	*sqlShop
	db *gorm.DB
}

//recipe:begin
func (s gormShop) place(ctx context.Context, tx *gorm.DB, inside *allocation.Service, o *Order) error {
	if err := tx.Create(o).Error; err != nil {
		return err
	}
	_, err := inside.Allocate(ctx, o.Lines...)
	return err
}

//recipe:end

func (s gormShop) join(ctx context.Context, o *Order) error {
	//recipe:begin
	var committed func(context.Context)
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var inside *allocation.Service
		inside, committed = s.service.Inside(s.store.Join(sqlTx(tx)))
		return s.place(ctx, tx, inside, o)
	})
	if err == nil {
		committed(ctx)
	}
	return err
	//recipe:end
}

//recipe:begin
func sqlTx(db *gorm.DB) *sql.Tx {
	pool := db.Statement.ConnPool
	if prepared, is := pool.(*gorm.PreparedStmtTX); is {
		pool = prepared.Tx
	}
	tx, _ := pool.(*sql.Tx)
	return tx // nil outside of a transaction, and Join refuses nil
}

//recipe:end

func (s gormShop) within(ctx context.Context, o *Order) error {
	//recipe:begin
	return s.store.Within(ctx, s.service, func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
		return s.place(ctx, gormTx(ctx, s.db, tx), inside, o)
	}, "chair")
	//recipe:end
}

//recipe:begin
func gormTx(ctx context.Context, db *gorm.DB, tx *sql.Tx) *gorm.DB {
	session := db.Session(&gorm.Session{NewDB: true, Context: ctx})
	session.Statement.ConnPool = tx
	return session.Session(&gorm.Session{NewDB: true, PrepareStmt: db.PrepareStmt})
}

//recipe:end

func newGormShop(t *testing.T, prepare bool) gormShop {
	t.Helper()
	inner := newSQLShop(t)
	db, err := gorm.Open(sqlite.New(sqlite.Config{Conn: inner.db}), &gorm.Config{
		PrepareStmt: prepare, Logger: logger.Discard,
	})
	require.NoError(t, err)
	return gormShop{inner, db}
}

func TestGORM(t *testing.T) {
	s := newGormShop(t, false)
	s.tryLeaving(t, "Join", s.join)
	s.tryLeaving(t, "Within", s.within)
	assert.Nil(t, sqlTx(s.db), "the transaction outside of a transaction")
}

func TestGORMWithPrepareStmt(t *testing.T) {
	s := newGormShop(t, true)
	s.tryLeaving(t, "Join", s.join)
	s.tryLeaving(t, "Within", s.within)
	assert.Nil(t, sqlTx(s.db), "the transaction outside of a transaction")

	tx, err := s.sqlShop.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	session := gormTx(t.Context(), s.db, tx)
	assert.IsType(t, (*gorm.PreparedStmtTX)(nil), session.Statement.ConnPool)
	assert.Same(t, tx, sqlTx(session))
}

// TestGORMUndoesANestedTransactionWithoutACommand shows a nested transaction that is undone, with rows of the host and
// no command.
func TestGORMUndoesANestedTransactionWithoutACommand(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		s := newGormShop(t, prepare)
		s.tryLeaving(t, "nested", func(ctx context.Context, o *Order) error {
			return s.store.Within(ctx, s.service,
				func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
					outer := gormTx(ctx, s.db, tx)
					undone := errors.New("undone")
					err := outer.Transaction(func(nested *gorm.DB) error {
						require.NoError(t, nested.Create(&Order{ID: o.ID + "-gift", Customer: "c1"}).Error)
						return undone
					})
					require.ErrorIs(t, err, undone)
					return s.place(ctx, outer, inside, o)
				})
		})
		assert.Zero(t, s.count(t, `SELECT COUNT(*) FROM orders WHERE id LIKE '%-gift'`), "rows that were undone")
	}
}
