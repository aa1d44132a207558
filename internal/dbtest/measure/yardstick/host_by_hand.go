package yardstick

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"

	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
)

// handText is the SQL that a host would write: find a batch, take a unit, insert the line and the order. A
// parameter is :order, :sku or :batch.
type handText struct {
	find string   // answers with the batch; empty if the next statement finds the batch
	then []string // each changes a row, unless no unit is left
}

const (
	openBatch = ` FROM hand_batches WHERE sku = :sku AND open = 1 AND purchased - allocated >= 1 ORDER BY eta`
	takeUnit  = `UPDATE hand_batches SET allocated = allocated + 1 WHERE `
	handLine  = `
		INSERT INTO hand_lines (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence) `
	insertLine  = handLine + `VALUES (:order, :sku, 0, :batch, 1, 0, 0, NULL, 1)`
	insertOrder = `INSERT INTO hand_orders (id, customer) VALUES (:order, 'customer')`
)

// lockByHand is the transaction with a lock on the batch, by engine. SQLite has no row locks: the transaction begins
// with the write lock (BEGIN IMMEDIATE), and a single statement finds a batch and takes the unit.
var lockByHand = map[string]handText{
	"sqlite": {
		takeUnit + `ref = (SELECT ref` + openBatch + `, ref LIMIT 1) RETURNING ref`, []string{insertLine, insertOrder},
	},
	"postgresql": {
		`SELECT ref` + openBatch + ` NULLS FIRST, ref LIMIT 1 FOR UPDATE`,
		[]string{takeUnit + `ref = :batch`, insertLine, insertOrder},
	},
	"mariadb": {
		`SELECT ref` + openBatch + `, ref LIMIT 1 FOR UPDATE`,
		[]string{takeUnit + `ref = :batch`, insertLine, insertOrder},
	},
}

// fewestByHand is the way with the fewest statements, by engine; SQLite has no shorter way than lockByHand. A single
// statement needs neither BEGIN nor COMMIT.
var fewestByHand = map[string]handText{
	"postgresql": {then: []string{`
		WITH taken AS (` + takeUnit + `ref = (SELECT ref` + openBatch + ` NULLS FIRST, ref LIMIT 1)
				AND purchased - allocated >= 1 RETURNING ref),
			ordered AS (INSERT INTO hand_orders (id, customer) SELECT :order, 'customer' FROM taken)` +
		handLine + `SELECT :order, :sku, 0, ref, 1, 0, 0, NULL, 1 FROM taken`,
	}},
	"mariadb": {then: []string{
		takeUnit + `sku = :sku AND open = 1 AND purchased - allocated >= 1 AND (@ref := ref) IS NOT NULL
			ORDER BY eta, ref LIMIT 1`,
		handLine + `VALUES (:order, :sku, 0, @ref, 1, 0, 0, NULL, 1)`,
		insertOrder,
	}},
}

// handSide is a way by hand, with prepared statements.
type handSide struct {
	db   *sql.DB
	find *handStatement // nil for none
	then []*handStatement
}

// handStatement is a prepared statement with the names of the parameters.
type handStatement struct {
	*sql.Stmt
	names []string
}

// openByHand returns an opener of a way by hand.
func openByHand(texts map[string]handText) opener {
	return func(ctx context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error) {
		db, err := p.Pool(p.immediate(dsn), connections)
		if err != nil {
			return nil, nil, err
		}
		h, text := &handSide{db: db}, texts[p.Name]
		var failed error
		prepare := func(text string) *handStatement {
			text, names := p.positional(text)
			stmt, err := db.PrepareContext(ctx, text)
			failed = errors.Join(failed, err)
			return &handStatement{stmt, names}
		}
		if text.find != "" {
			h.find = prepare(text.find)
		}
		for _, next := range text.then {
			h.then = append(h.then, prepare(next))
		}
		return h, db.Close, failed
	}
}

// immediate lets every transaction of a pool on SQLite begin with the write lock.
func (p *place) immediate(dsn string) string {
	if p.Name == "sqlite" {
		return dsn + "&_txlock=immediate"
	}
	return dsn
}

var parameter = regexp.MustCompile(`:(order|sku|batch)`)

// positional replaces the parameters by the engine's placeholders, and returns the names of the parameters.
func (p *place) positional(text string) (placed string, names []string) {
	placed = parameter.ReplaceAllStringFunc(text, func(name string) string {
		names = append(names, name)
		if p.Name == "postgresql" {
			return fmt.Sprintf("$%d", len(names))
		}
		return "?"
	})
	return placed, names
}

// errNoUnit is the answer if no unit is left.
var errNoUnit = errors.New("out of stock")

func (h *handSide) Place(ctx context.Context, lines []sides.Line) error {
	values := map[string]string{":order": lines[0].Order, ":sku": lines[0].SKU}
	if h.find == nil && len(h.then) == 1 {
		return changeRow(ctx, h.then[0].Stmt, h.then[0].args(values))
	}
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := h.write(ctx, tx, values); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// write carries out the statements between BEGIN and COMMIT.
func (h *handSide) write(ctx context.Context, tx *sql.Tx, values map[string]string) error {
	if h.find != nil {
		var batch string
		own := tx.StmtContext(ctx, h.find.Stmt) //nolint:sqlclosecheck // the end of tx closes the statement
		err := own.QueryRowContext(ctx, h.find.args(values)...).Scan(&batch)
		if errors.Is(err, sql.ErrNoRows) {
			return errNoUnit
		}
		if err != nil {
			return err
		}
		values[":batch"] = batch
	}
	for _, next := range h.then {
		if err := changeRow(ctx, tx.StmtContext(ctx, next.Stmt), next.args(values)); err != nil {
			return err
		}
	}
	return nil
}

func (s *handStatement) args(values map[string]string) []any {
	args := make([]any, len(s.names))
	for i, name := range s.names {
		args[i] = values[name]
	}
	return args
}

// changeRow carries out a statement, and returns errNoUnit if no row was changed.
func changeRow(ctx context.Context, stmt *sql.Stmt, args []any) error {
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errNoUnit)
	}
	return nil
}
