package sqlstore

import (
	"encoding/json"

	"github.com/cosmic-go/allocation"
)

// relations are the rows that changes consist of. A product that is only checked has none.
type relations struct {
	newBatches []allocation.Batch
	batches    []changedBatch
	removed    []removedLine
	newParts   []linePart
	parts      []linePart // of lines that are there already
	events     []eventRow
}

type changedBatch struct {
	allocation.BatchChange
	sku allocation.SKU
}

func (b changedBatch) subject() any { return b.Ref }

// removedLine has the number of the first part that is in the way. MariaDB, which can't tell parts that are in the way from
// those that come, removes all.
type removedLine struct {
	allocation.LineKey
	from int
}

type linePart struct {
	*allocation.Allocation
	number int
}

func (p linePart) part() allocation.Part { return p.Parts[p.number] }

type eventRow struct {
	allocation.Event
	of       *allocation.Changes
	sequence int64
	data     []byte
}

func (e eventRow) trace() string { return traceParent(*e.of, int(e.sequence-e.of.Read-1)) }

func relationsOf(changes []allocation.Changes) (*relations, error) {
	r := &relations{}
	for i := range changes {
		c := &changes[i]
		if !hasEvents(*c) {
			continue
		}
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
		r.newParts = appendParts(r.newParts, c.NewLines)
		r.parts = appendParts(r.parts, c.Lines)
		if err := r.addEvents(c); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func appendParts(parts []linePart, lines []allocation.Allocation) []linePart {
	for i := range lines {
		for number := range lines[i].Parts {
			parts = append(parts, linePart{&lines[i], number})
		}
	}
	return parts
}

func (r *relations) addEvents(c *allocation.Changes) error {
	for i, e := range c.Events {
		sequence := c.Read + int64(i) + 1
		data, err := json.Marshal(e)
		if err != nil {
			return &subjectError{field: "event", value: sequence, err: err}
		}
		r.events = append(r.events, eventRow{e, c, sequence, data})
	}
	return nil
}
