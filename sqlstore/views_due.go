package sqlstore

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/cosmic-go/allocation/views"
)

// dueKinds are the kinds by the number that stands for each in a statement.
var dueKinds = []views.DueKind{
	views.DueArrival, views.DueExpiry, views.DueHold, views.DueLate, views.DueWaiting,
}

// Due returns a page of what is due, see [views.DueReader].
func (s *Store) Due(
	ctx context.Context, by time.Time, after views.Key, limit int, kinds ...views.DueKind,
) ([]views.Due, error) {
	const op = "Due"
	invalid := []error{atLeast(1, "limit", limit)}
	for _, kind := range kinds {
		invalid = append(invalid, checkKind(kind))
	}
	if err := s.check(ctx, op, invalid...); err != nil {
		return nil, err
	}
	values := map[string]any{"by": never, "first": -never, "page": limit}
	if !by.IsZero() {
		values["by"] = by.UnixMicro()
	}
	for i, kind := range dueKinds {
		place := armBehind(after, kind)
		if len(kinds) > 0 && !slices.Contains(kinds, kind) {
			place = dueArm{at: never}
		}
		place.into(values, string(rune('a'+i)))
	}
	var due []views.Due
	err := s.view(ctx, op, s.statements.views.due, values, func(rows scanner) error {
		var d views.Due
		var kind, told int
		var at int64
		err := rows.Scan(
			&kind, &at, &d.SKU, &d.Batch, &d.OrderID, &d.Line, &d.Quantity, &d.Promised, &told,
		)
		if err != nil {
			return err
		}
		d.At, d.Kind, d.Told = time.UnixMicro(at).UTC(), dueKinds[kind], told != 0
		due = append(due, d)
		return nil
	})
	if err != nil || len(due) == 0 {
		return nil, err
	}
	slices.SortFunc(due, views.Due.Compare)
	return slices.Clip(due[:min(len(due), limit)]), nil
}

// checkKind refuses a kind that doesn't exist.
func checkKind(kind views.DueKind) error {
	if slices.Contains(dueKinds, kind) {
		return nil
	}
	return invalid("", "kind", kind, "must be a kind of views.DueKind")
}

// never is later than every moment, and can still be added to.
const never = math.MaxInt64 / 2

// dueArm is the place behind which one kind is read.
type dueArm struct {
	at                      int64
	sku, batch, order, line string
}

// armBehind returns the place behind which the rows of a kind come behind a key. No identifier is empty, so an arm
// without identifiers begins with all rows of its moment.
func armBehind(after views.Key, kind views.DueKind) dueArm {
	switch {
	case after == (views.Key{}):
		return dueArm{at: -never}
	case kind < after.Kind:
		return dueArm{at: after.At.UnixMicro() + 1}
	case kind > after.Kind:
		return dueArm{at: after.At.UnixMicro()}
	}
	return dueArm{
		after.At.UnixMicro(), string(after.SKU), string(after.Batch), string(after.OrderID), string(after.Line),
	}
}

// into sets the parameters of an arm, which has a letter.
func (a dueArm) into(values map[string]any, letter string) {
	values[letter+"_at"] = a.at
	values[letter+"_sku"], values[letter+"_batch"] = a.sku, a.batch
	values[letter+"_order"], values[letter+"_line"] = a.order, a.line
}
