package console

import (
	"context"
	"time"

	"github.com/cosmic-go/allocation/views"
)

// dueKinds are the kinds of due things, each with a name for a row and a name for the overview, which counts the things
// due now.
var dueKinds = []struct {
	Kind views.DueKind
	Name string
	Now  string
}{
	{views.DueArrival, "Arrival", "Overdue shipments"},
	{views.DueLate, "Line is needed", "Late lines"},
	{views.DueExpiry, "Expiry", "Expired batches"},
	{views.DueHold, "End of a hold", "Lapsed holds"},
	{views.DueWaiting, "End of waiting", "Waited too long"},
}

// horizons say how far ahead the page can look.
var horizons = []choice{
	{Value: "now", Name: "now"}, {Value: "day", Name: "within a day"}, {Value: "week", Name: "within a week"},
	{Value: "all", Name: "at any time"},
}

// choice is an entry of a select.
type choice struct {
	Value, Name string
	Chosen      bool
}

// choose returns the choices with the given value chosen.
func choose(choices []choice, value string) []choice {
	made := make([]choice, len(choices))
	for i, c := range choices {
		c.Chosen = c.Value == value
		made[i] = c
	}
	return made
}

// horizon returns the time until which the page looks ahead; zero for all times.
func horizon(value string, now time.Time) (by time.Time, err error) {
	switch value {
	case "", "now":
		return now, nil
	case "day":
		return now.AddDate(0, 0, 1), nil
	case "week":
		return now.AddDate(0, 0, 7), nil
	case "all":
		return time.Time{}, nil
	}
	return now, badValue("within", value)
}

// duePage is a page of the list of everything due.
type duePage struct {
	Missing  string
	Kinds    []choice
	Horizons []choice
	Kind     string
	Within   string
	Rows     []dueRow
	Next     string // the key of the page behind; "" for none
	First    bool
}

// dueRow is a row with the name of the kind; Past says that the time has come.
type dueRow struct {
	views.Due
	Name string
	Past bool
}

// readDue reads a page of one kind or of all kinds, with a single call of the store.
func (c *console) readDue(ctx context.Context, q query) (any, error) {
	p := duePage{Kind: q.values.Get("kind"), Within: q.values.Get("within")}
	by, err := horizon(p.Within, q.at)
	if err != nil {
		return nil, err
	}
	from, err := q.key()
	if err != nil {
		return nil, err
	}
	p.First, p.Horizons = from == (views.Key{}), choose(horizons, p.Within)
	p.Kinds = append(p.Kinds, choice{Name: "everything"})
	names := map[views.DueKind]string{}
	for _, k := range dueKinds {
		p.Kinds, names[k.Kind] = append(p.Kinds, choice{Value: string(k.Kind), Name: k.Name}), k.Name
	}
	p.Kinds = choose(p.Kinds, p.Kind)
	var kinds []views.DueKind
	if p.Kind != "" {
		kinds = append(kinds, views.DueKind(p.Kind))
	}
	rows, missing, err := c.listDue(ctx, by, from, c.PageSize+1, kinds...)
	if len(rows) > c.PageSize {
		rows = rows[:c.PageSize]
		p.Next = text(rows[c.PageSize-1].Key())
	}
	for _, d := range rows {
		p.Rows = append(p.Rows, dueRow{Due: d, Name: names[d.Kind], Past: !d.At.After(q.at)})
	}
	p.Missing = missing
	return p, err
}

// listDue returns a page of due things, or the name of the missing ability.
func (c *console) listDue(
	ctx context.Context, by time.Time, after views.Key, limit int, kinds ...views.DueKind,
) (rows []views.Due, missing string, err error) {
	if c.due == nil {
		return nil, "views.DueReader", nil
	}
	rows, err = c.due.Due(ctx, by, after, limit, kinds...)
	if isUnsupported(err) {
		return nil, "views.DueReader", nil
	}
	return rows, "", err
}
