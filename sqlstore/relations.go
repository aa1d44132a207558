package sqlstore

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// relations are the rows of a commit, by table.
type relations struct {
	products   []productRow // all products; a product that is only checked has no other rows
	newBatches []allocation.Batch
	batches    []changedBatch
	removed    []removedLine
	newParts   []lineRow
	parts      []lineRow // of existing lines
	events     []eventRow

	// Lines that wait: lines that wait no longer, that begin to wait, and that changed; and where serving goes on.
	ended      []removedLine
	newWaiting []allocation.Allocation
	waiting    []allocation.Allocation
	servings   []servingRow

	arguments argumentList

	// Room for an allocation of one line, to save allocations of memory.
	room struct {
		product   [1]productRow
		batch     [1]changedBatch
		part      [1]lineRow
		event     [1]eventRow
		arguments [32]any
	}
}

type productRow struct {
	sku      allocation.SKU
	seen     int64 // the version that was read; 0 for a new product
	version  int64 // the version to write; 0 for a product that is only checked
	refused  int64
	lowStock allocation.Quantity
	low      bool
}

var productColumns = columns[productRow]{
	textColumn("sku", func(p *productRow) *allocation.SKU { return &p.sku }).in(roleKey),
	numberColumn("seen", func(p *productRow) *int64 { return &p.seen }).in(roleCondition),
	numberColumn("version", func(p *productRow) *int64 { return &p.version }),
	numberColumn("refused", func(p *productRow) *int64 { return &p.refused }),
	numberColumn("low_stock", func(p *productRow) *allocation.Quantity { return &p.lowStock }),
	truthColumn("low", func(p *productRow) *bool { return &p.low }),
}

func (p productRow) isChecked() bool { return p.version == 0 }

var batchColumns = columns[allocation.Batch]{
	textColumn("ref", func(b *allocation.Batch) *allocation.BatchRef { return &b.Ref }),
	textColumn("sku", func(b *allocation.Batch) *allocation.SKU { return &b.SKU }),
	numberColumn("purchased", func(b *allocation.Batch) *allocation.Quantity { return &b.Purchased }),
	numberColumn("allocated", func(b *allocation.Batch) *allocation.Quantity { return &b.Allocated }),
	instantColumn("eta", func(b *allocation.Batch) *time.Time { return &b.ETA }),
	textColumn("location", func(b *allocation.Batch) *allocation.Location { return &b.Location }),
	instantColumn("best_before", func(b *allocation.Batch) *time.Time { return &b.BestBefore }),
	numberColumn("announced_quantity", func(b *allocation.Batch) *allocation.Quantity { return &b.AnnouncedQuantity }),
	instantColumn("announced_eta", func(b *allocation.Batch) *time.Time { return &b.AnnouncedETA }),
	textColumn("lot", func(b *allocation.Batch) *allocation.BatchRef { return &b.Lot }),
	textColumn("blocked", func(b *allocation.Batch) *string { return &b.Blocked }),
	textColumn("announced_blocked", func(b *allocation.Batch) *string { return &b.AnnouncedBlocked }),
	textColumn("split_from", func(b *allocation.Batch) *allocation.BatchRef { return &b.SplitFrom }),
	instantColumn("arrived_at", func(b *allocation.Batch) *time.Time { return &b.ArrivedAt }),
	truthColumn("expired", func(b *allocation.Batch) *bool { return &b.Expired }),
	instantColumn("due", func(b *allocation.Batch) *time.Time { return &b.Due }),
	truthColumn("dated", func(b *allocation.Batch) *bool { return &b.Dated }),
	instantColumn("counted_at", func(b *allocation.Batch) *time.Time { return &b.CountedAt }),
	countColumn("counted_quantity", func(b *allocation.Batch) time.Time { return b.CountedAt },
		func(b *allocation.Batch) *allocation.Quantity { return &b.CountedQuantity }),
	instantColumn("shipped_at", func(b *allocation.Batch) *time.Time { return &b.ShippedAt }),
}

type changedBatch struct {
	allocation.BatchChange
	sku allocation.SKU
}

var changedColumns = columns[changedBatch]{
	textColumn("ref", func(b *changedBatch) *allocation.BatchRef { return &b.Ref }).in(roleKey),
	textColumn("sku", func(b *changedBatch) *allocation.SKU { return &b.sku }).in(roleKey),
	numberColumn("purchased", func(b *changedBatch) *allocation.Quantity { return &b.Purchased }).in(roleSum),
	numberColumn("allocated", func(b *changedBatch) *allocation.Quantity { return &b.Allocated }).in(roleSum),
	instantColumn("eta", func(b *changedBatch) *time.Time { return &b.ETA }),
	instantColumn("arrived_at", func(b *changedBatch) *time.Time { return &b.ArrivedAt }),
	textColumn("blocked", func(b *changedBatch) *string { return &b.Blocked }),
	truthColumn("expired", func(b *changedBatch) *bool { return &b.Expired }),
	instantColumn("due", func(b *changedBatch) *time.Time { return &b.Due }),
	truthColumn("dated", func(b *changedBatch) *bool { return &b.Dated }),
	instantColumn("counted_at", func(b *changedBatch) *time.Time { return &b.CountedAt }),
	countColumn("counted_quantity", func(b *changedBatch) time.Time { return b.CountedAt },
		func(b *changedBatch) *allocation.Quantity { return &b.CountedQuantity }),
	instantColumn("shipped_at", func(b *changedBatch) *time.Time { return &b.ShippedAt }),
}

// changedCounters are the columns of a change with CountersOnly.
var changedCounters = changedColumns.where(func(c column[changedBatch]) bool {
	return c.role == roleKey || c.role == roleSum
})

// removedLine is a line to remove from the part with the number from. SQLite and MariaDB remove all parts, and
// write the remaining parts again.
type removedLine struct {
	allocation.LineKey
	from int
}

var removedColumns = columns[removedLine]{
	textColumn("order_id", func(l *removedLine) *allocation.OrderID { return &l.OrderID }).in(roleKey),
	textColumn("sku", func(l *removedLine) *allocation.SKU { return &l.SKU }).in(roleKey),
	textColumn("line", func(l *removedLine) *allocation.LineID { return &l.Line }).in(roleKey),
	numberColumn("part", func(l *removedLine) *int { return &l.from }).as("int"),
}

// lineRow is one part of a line. All rows of the line share the line.
type lineRow struct {
	*allocation.Allocation
	number int
	part   allocation.Part
}

// A line without terms that was neither held, split nor shipped has the usual values. Such lines are written by shorter
// statements.
var lineColumns = columns[lineRow]{
	textColumn("order_id", func(l *lineRow) *allocation.OrderID { return &l.OrderID }).in(roleKey),
	textColumn("sku", func(l *lineRow) *allocation.SKU { return &l.SKU }).in(roleKey),
	textColumn("line", func(l *lineRow) *allocation.LineID { return &l.Line }).in(roleKey).usuallyByDefault("''"),
	numberColumn("part", func(l *lineRow) *int { return &l.number }).as("int").in(roleKey).usually("0"),
	textColumn("batch_ref", func(l *lineRow) *allocation.BatchRef { return &l.part.Batch }),
	numberColumn("quantity", func(l *lineRow) *allocation.Quantity { return &l.part.Quantity }),
	numberColumn("shipped", func(l *lineRow) *allocation.Quantity { return &l.part.Shipped }).usually("0"),
	truthColumn("split", func(l *lineRow) *bool { return &l.Split }).usually("0"),
	instantColumn("held_until", func(l *lineRow) *time.Time { return &l.HeldUntil }).usuallyByDefault("NULL"),
	derivedColumn("held", func(l *lineRow) bool { return !l.HeldUntil.IsZero() }).usuallyByDefault("0"),
	numberColumn("sequence", func(l *lineRow) *int64 { return &l.Sequence }),
	instantColumn("needed_by", func(l *lineRow) *time.Time { return &l.NeededBy }).usuallyByDefault("NULL"),
	instantColumn("fresh_until", func(l *lineRow) *time.Time { return &l.FreshUntil }).usuallyByDefault("NULL"),
	textColumn("location", func(l *lineRow) *allocation.Location { return &l.Location }).usuallyByDefault("''"),
	numberColumn("priority", func(l *lineRow) *int { return &l.Priority }).as("smallint").usuallyByDefault("0"),
	truthColumn("late", func(l *lineRow) *bool { return &l.Late }).usuallyByDefault("0"),
	textColumn("handed_from", func(l *lineRow) *allocation.OrderID { return &l.HandedFrom }).usuallyByDefault("''"),
	positiveOrNullColumn("wanted", func(l *lineRow) *allocation.Quantity { return &l.Wanted }, 1).
		usuallyByDefault("NULL"),
	truthColumn("partial", func(l *lineRow) *bool { return &l.Partial }).usuallyByDefault("0"),
	truthColumn("may_wait", func(l *lineRow) *bool { return &l.MayWait }).usuallyByDefault("0"),
	positiveOrNullColumn("hold_for", func(l *lineRow) *time.Duration { return &l.HoldFor }, time.Microsecond).
		usuallyByDefault("NULL"),
}

// plainColumns are the columns that an INSERT of plain lines has to name.
var plainColumns = lineColumns.where(func(c column[lineRow]) bool { return !c.byDefault })

type eventRow struct {
	sku                  allocation.SKU
	sequence             int64
	kind                 string
	at                   int64 // microseconds
	batch                allocation.BatchRef
	purchased, allocated allocation.Quantity
	data, id             string
	traceParent          string
	unsentFrom           int64 // the mark: the commit's first number on the commit's last event, 0 on the others
}

var eventColumns = columns[eventRow]{
	textColumn("sku", func(e *eventRow) *allocation.SKU { return &e.sku }),
	numberColumn("sequence", func(e *eventRow) *int64 { return &e.sequence }),
	textColumn("kind", func(e *eventRow) *string { return &e.kind }),
	numberColumn("at", func(e *eventRow) *int64 { return &e.at }),
	textOrNullColumn("batch_ref", func(e *eventRow) *allocation.BatchRef { return &e.batch }),
	numberColumn("purchased", func(e *eventRow) *allocation.Quantity { return &e.purchased }),
	numberColumn("allocated", func(e *eventRow) *allocation.Quantity { return &e.allocated }),
	textColumn("data", func(e *eventRow) *string { return &e.data }),
	textColumn("id", func(e *eventRow) *string { return &e.id }).as("uuid"),
	textOrNullColumn("trace_parent", func(e *eventRow) *string { return &e.traceParent }),
	numberOrNullColumn("unsent_from", func(e *eventRow) *int64 { return &e.unsentFrom }),
	constantColumn[eventRow]("written_for", schemaVersion),
}

// firstRows has the columns of the first row of each relation, for statements about a single product.
var firstRows = slices.Concat(
	within("product_", productColumns, func(r *relations) *productRow { return &r.products[0] }),
	within("batch_", changedColumns, func(r *relations) *changedBatch { return &r.batches[0] }),
	within("line_", lineColumns, func(r *relations) *lineRow { return &r.newParts[0] }),
	within("event_", eventColumns, func(r *relations) *eventRow { return &r.events[0] }),
)

// argumentList collects the arguments of a statement.
type argumentList struct{ all []any }

func (l *argumentList) text(s string) { l.all = append(l.all, s) }

func (l *argumentList) number(n int64) { l.all = append(l.all, n) }

func (l *argumentList) null() { l.all = append(l.all, nil) }

// relationsOf returns an error if an event has no JSON form.
func relationsOf(changes []allocation.Changes) (*relations, error) {
	r := &relations{}
	r.makeRoom(changes)
	for i := range changes {
		c := &changes[i]
		p := productRow{sku: c.SKU, seen: c.Read, refused: c.Refused, lowStock: c.LowStock, low: c.Low}
		if hasNewVersion(*c) {
			p.version = c.Version
			if err := r.add(c); err != nil {
				return nil, err
			}
		}
		r.products = append(r.products, p)
	}
	return r, nil
}

// makeRoom reserves memory for lists with more than one row.
func (r *relations) makeRoom(changes []allocation.Changes) {
	var batches, parts, events int
	for i := range changes {
		batches += len(changes[i].Batches)
		events += len(changes[i].Events)
		for _, l := range changes[i].NewLines {
			parts += len(l.Parts)
		}
	}
	r.products = slices.Grow(r.room.product[:0], len(changes))
	r.batches = slices.Grow(r.room.batch[:0], batches)
	r.newParts = slices.Grow(r.room.part[:0], parts)
	r.events = slices.Grow(r.room.event[:0], events)
	r.arguments.all = r.room.arguments[:0]
}

// hasNewVersion reports whether the changes write a new version.
func hasNewVersion(c allocation.Changes) bool { return c.Version != c.Read }

// add adds the rows of a product that changes.
func (r *relations) add(c *allocation.Changes) error {
	r.newBatches = append(r.newBatches, c.NewBatches...)
	for _, b := range c.Batches {
		r.batches = append(r.batches, changedBatch{b, c.SKU})
	}
	for _, key := range c.Removed {
		r.removed = append(r.removed, removedLine{key, 0})
	}
	for _, l := range c.Lines {
		r.removed = append(r.removed, removedLine{l.Key(), len(l.Parts)})
	}
	r.addWaiting(c)
	r.newParts = appendParts(r.newParts, c.NewLines)
	r.parts = appendParts(r.parts, c.Lines)
	return r.addEvents(c)
}

func appendParts(rows []lineRow, lines []allocation.Allocation) []lineRow {
	for i := range lines {
		l := &lines[i]
		for number, part := range l.Parts {
			rows = append(rows, lineRow{l, number, part})
		}
	}
	return rows
}

func (r *relations) addEvents(c *allocation.Changes) error {
	first := c.Version - int64(len(c.Events)) + 1
	for i, e := range c.Events {
		row := eventRow{sku: c.SKU, sequence: first + int64(i), kind: e.Kind(), at: e.Time().UnixMicro()}
		data, err := json.Marshal(e)
		if err != nil {
			return &subjectError{field: "event", value: row.sequence, err: err}
		}
		row.data, row.id = string(data), outbox.ID(c.SKU, row.sequence, e.Time())
		row.batch, row.purchased, row.allocated = e.Movement()
		if i < len(c.TraceParents) {
			row.traceParent = c.TraceParents[i]
		}
		if row.sequence == c.Version {
			row.unsentFrom = first
		}
		r.events = append(r.events, row)
	}
	return nil
}

// isOneLine reports whether the commit gives one part of one batch to one new line of an existing product, changes
// nothing else of the batch, and records one event.
func (r *relations) isOneLine() bool {
	return len(r.products) == 1 && r.products[0].seen > 0 && len(r.batches) == 1 && r.batches[0].CountersOnly &&
		len(r.newParts) == 1 && len(r.events) == 1 && len(r.newBatches)+len(r.removed)+len(r.parts) == 0 &&
		!r.concernWaiting()
}

// allParts returns the parts of new and of existing lines.
func (r *relations) allParts() []lineRow {
	if len(r.parts) == 0 {
		return r.newParts
	}
	return slices.Concat(r.newParts, r.parts)
}

// changeCounters reports whether no changed batch changes more than the counters.
func (r *relations) changeCounters() bool {
	return !slices.ContainsFunc(r.batches, func(b changedBatch) bool { return !b.CountersOnly })
}

// subject builds the errors of failed statements over rows.
type subject[R any] struct {
	field string
	of    func(row *R) any
	taken error // the meaning of an existing unique key
}

var (
	aboutProduct = subject[productRow]{
		"sku", func(p *productRow) any { return p.sku }, allocation.ErrConflict,
	}
	aboutNewBatch = subject[allocation.Batch]{
		"batch", func(b *allocation.Batch) any { return b.Ref }, allocation.ErrDuplicate,
	}
	aboutBatch   = subject[changedBatch]{"batch", func(b *changedBatch) any { return b.Ref }, nil}
	aboutNewPart = subject[lineRow]{"order", func(l *lineRow) any { return l.OrderID }, allocation.ErrDuplicate}
	aboutPart    = subject[lineRow]{"order", func(l *lineRow) any { return l.OrderID }, nil}
	aboutRemoved = subject[removedLine]{"order", func(l *removedLine) any { return l.OrderID }, nil}
	aboutEvent   = subject[eventRow]{"event", func(e *eventRow) any { return e.sequence }, errBehind}
)

// error returns an error about the one row, or about all rows.
func (s subject[R]) error(err error, rows []R) error {
	about := &subjectError{field: s.field, err: err, taken: s.taken}
	if len(rows) == 1 {
		about.value = s.of(&rows[0])
		return about
	}
	all := make([]any, len(rows))
	for i := range rows {
		all[i] = s.of(&rows[i])
	}
	about.value = all
	return about
}

// endedColumns find a line that waits.
var endedColumns = removedColumns.keys()

// addWaiting adds the rows of the lines that wait.
func (r *relations) addWaiting(c *allocation.Changes) {
	for _, key := range c.EndedWaiting {
		r.ended = append(r.ended, removedLine{key, 0})
	}
	r.newWaiting = append(r.newWaiting, c.NewWaiting...)
	r.waiting = append(r.waiting, c.Waiting...)
	if c.NewServing {
		r.servings = append(r.servings, servingRow{c.SKU, c.Serving})
	}
}

// concernWaiting reports whether the commit changes anything about lines that wait.
func (r *relations) concernWaiting() bool {
	return len(r.ended)+len(r.newWaiting)+len(r.waiting)+len(r.servings) > 0
}

// allEnded returns the lines that wait no longer, and the changed lines, which are written again.
func (r *relations) allEnded() []removedLine {
	if len(r.waiting) == 0 {
		return r.ended
	}
	all := slices.Clone(r.ended)
	for i := range r.waiting {
		all = append(all, removedLine{r.waiting[i].Key(), 0})
	}
	return all
}

// allWaiting returns the lines that wait, new and changed.
func (r *relations) allWaiting() []allocation.Allocation {
	if len(r.waiting) == 0 {
		return r.newWaiting
	}
	return slices.Concat(r.newWaiting, r.waiting)
}

var (
	aboutWaiting = subject[allocation.Allocation]{
		"order", func(l *allocation.Allocation) any { return l.OrderID }, allocation.ErrDuplicate,
	}
	aboutServing = subject[servingRow]{"sku", func(s *servingRow) any { return s.sku }, nil}
)
