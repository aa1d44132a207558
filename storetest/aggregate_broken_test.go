package storetest

import (
	"context"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// faultOf returns the store of a fault of another topic.
func faultOf(stores []broken, fault string) func() allocation.Store {
	for _, s := range stores {
		if s.fault == fault {
			return s.new
		}
	}
	panic("no broken store has the fault " + fault)
}

var brokenAggregates = []broken{
	{fault: "Commit checks neither versions nor keys of lines",
		row: "R3: concurrent repeats of one order get one allocation",
		new: slowly(func(s *memory.Store, c *allocation.Changes) {
			onto(s, c)
			old := whole(s, c.SKU)
			for i, l := range c.NewLines {
				if hasLine(old, l.OrderID) {
					c.NewLines, c.Lines = c.NewLines[:i], append(c.Lines, l)
					break
				}
			}
		})},
	{fault: "lost update: Commit checks no versions",
		row: "R4: concurrent orders never get more units than there are", new: slowly(onto)},
	{fault: "the oldest lines of a batch come first",
		row: "R6: cutting a batch moves the lines that leave first, however many pages of lines there are",
		new: faultOf(brokenBatchLines, "the oldest lines of a batch come first")},
	{fault: "MoreLines is never set",
		row: "R6: cutting a batch moves the lines that leave first, however many pages of lines there are",
		new: faultOf(brokenBatchLines, "MoreLines is never set")},
	{fault: "a hold lapses after its HeldUntil",
		row: "R7: the units of a lapsed hold are sold again, and the hold can't be confirmed",
		new: faultOf(brokenLapsed, "a hold lapses after its HeldUntil")},
	{fault: "MoreLapsed is never set",
		row: "R7: a shortage considers all lapsed holds, however many pages of holds there are",
		new: faultOf(brokenLapsed, "MoreLapsed is never set")},
	{fault: "the LineID is lost",
		row: "R3: two lines of an order for one SKU are both promised, and both are cancelled with the order",
		new: faultOf(brokenLineIDs, "the LineID is lost")},
	{fault: "removed lines stay stored", row: "R7: releasing lapsed holds ends when no lapsed hold is left",
		new: faultOf(brokenWrites, "removed lines stay stored")},
	{fault: "Refused is lost", row: "R10: a refusal is recorded once, until the product has another event",
		new: faultOf(brokenWrites, "Refused is lost")},
	{fault: "removed parts of a line stay stored",
		row: "after commands of all kinds each counter is the sum of the lines",
		new: faultOf(brokenWrites, "removed parts of a line stay stored")},
	{fault: "counters are set instead of added", row: "R8: shipped units stay shipped, and cancelled units are free",
		new: faultOf(brokenWrites, "counters are set instead of added")},
	{fault: "loads leave out shipped lines", row: "R3, R8: a repeated command changes nothing",
		new: faultOf(brokenLoads, "loads leave out shipped lines")},
	{fault: "the time of a count is lost", row: "R3, R8: a repeated command changes nothing",
		new: faultOf(brokenValues, "the time of a count is lost")},
	{fault: "a load by order brings one product only", row: "R5: an order is allocated as a whole, or not at all",
		new: faultOf(brokenLoads, "a load by order brings one product only")},
	{fault: "a load by batch finds no product", row: "R8: a batch can't be announced again under another SKU",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				if q.Batch != "" {
					return nil, err
				}
				return states, err
			}
		})},
	{fault: "Split is lost", row: "R2: a line grows, shrinks and moves with all of its parts",
		new: faultOf(brokenValues, "Split is lost")},
}

// slowly is like writing, and pauses before the commit so that other callers can load.
func slowly(spoil func(s *memory.Store, c *allocation.Changes)) func() allocation.Store {
	return with(func(s *faulty) {
		s.commit = func(ctx context.Context, changes []allocation.Changes) error {
			pause(s)
			changes = copyOf(changes)
			for i := range changes {
				spoil(s.Store, &changes[i])
			}
			return s.Store.Commit(ctx, changes)
		}
	})
}
