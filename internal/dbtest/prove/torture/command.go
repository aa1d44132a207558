package torture

import (
	"context"
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
)

// verb is the use case of a command.
type verb string

const (
	allocate  verb = "allocate"
	confirm   verb = "confirm"
	extend    verb = "extend"
	cancel    verb = "cancel"
	change    verb = "change"
	handOver  verb = "hand over"
	ship      verb = "ship"
	shipPart  verb = "ship part"
	sweep     verb = "sweep"
	addBatch  verb = "add batch"
	receive   verb = "receive"
	count     verb = "count"
	slip      verb = "slip"
	split     verb = "split"
	block     verb = "block"
	unblock   verb = "unblock"
	reconcile verb = "reconcile"
)

// command is one call of the service; the verb says which fields count.
type command struct {
	Verb  verb                   `json:"verb"`
	Order allocation.OrderID     `json:"order,omitzero"`
	To    allocation.OrderID     `json:"to,omitzero"`     // the order that takes the lines of a hand-over
	Lines []allocation.OrderLine `json:"lines,omitempty"` // a line may come twice; one line for change and ship part
	Terms terms                  `json:"terms,omitzero"`  // of all lines
	Hold  time.Time              `json:"hold,omitzero"`   // until when; of allocate and extend
	SKUs  []allocation.SKU       `json:"skus,omitempty"`  // of the order's lines; none for all
	Batch allocation.Batch       `json:"batch,omitzero"`  // of split the part, of block the reason, of slip the ETA
	From  allocation.BatchRef    `json:"from,omitzero"`   // the batch that is split
	Count allocation.Count       `json:"count,omitzero"`
	SKU   allocation.SKU         `json:"sku,omitzero"`
}

// answer is what an acknowledged command returned.
type answer struct {
	Lines    []allocation.Allocation `json:"lines,omitempty"`
	Released []allocation.OrderLine  `json:"released,omitempty"`
	Late     []allocation.OrderLine  `json:"late,omitempty"`
	Audit    allocation.Audit        `json:"audit,omitzero"`
}

// run calls the service.
func (c command) run(ctx context.Context, s *allocation.Service) (a answer, err error) {
	switch c.Verb {
	case allocate:
		a.Lines, err = s.Allocate(ctx, c.requests()...)
	case confirm:
		a.Lines, err = s.Confirm(ctx, c.Order, c.SKUs...)
	case extend:
		a.Lines, err = s.Extend(ctx, c.Order, c.Hold, c.SKUs...)
	case cancel:
		a.Lines, err = s.Cancel(ctx, c.Order, c.SKUs...)
	case change:
		a.Lines, err = only(s.ChangeLine(ctx, c.Lines[0]))
	case ship:
		a.Lines, err = s.Ship(ctx, c.Order, c.SKUs...)
	case shipPart:
		a.Lines, err = only(s.ShipPart(ctx, c.Lines[0]))
	case handOver:
		a.Lines, err = s.HandOver(ctx, c.Order, c.To, c.SKUs...)
	case sweep:
		_, err = s.Sweep(ctx)
	case addBatch:
		err = s.AddBatch(ctx, c.Batch)
	case receive:
		a.Released, err = s.ReceiveBatch(ctx, c.Count)
	case count:
		a.Released, err = s.ChangeBatchQuantity(ctx, c.Count)
	case slip:
		a.Late, err = s.ChangeBatchETA(ctx, c.Batch.Ref, c.Batch.ETA)
	case split:
		a.Released, err = s.SplitBatch(ctx, c.From, c.Batch)
	case block:
		a.Released, err = s.BlockBatch(ctx, c.Batch.Ref, c.Batch.Blocked)
	case unblock:
		err = s.UnblockBatch(ctx, c.Batch.Ref)
	case reconcile:
		a.Audit, err = s.Reconcile(ctx, c.SKU)
	default:
		err = fmt.Errorf("unknown command %q", c.Verb)
	}
	return a, err
}

// holds says that the lines of an allocation are held.
func (c command) holds() bool { return !c.Hold.IsZero() || c.Terms.HoldFor > 0 }

func only(line allocation.Allocation, err error) ([]allocation.Allocation, error) {
	return []allocation.Allocation{line}, err
}

func (c command) requests() []allocation.Request {
	requests := make([]allocation.Request, len(c.Lines))
	for i, line := range c.Lines {
		requests[i] = allocation.Request{
			OrderLine: line, Split: c.Terms.Split, HoldUntil: c.Hold,
			NeededBy: c.Terms.NeededBy, FreshUntil: c.Terms.FreshUntil, Location: c.Terms.Location,
			Priority: c.Terms.Priority,
			Wait:     c.Terms.Wait, Partial: c.Terms.Partial, HoldFor: c.Terms.HoldFor,
		}
	}
	return requests
}

// wanted is how many units a command wants for each line.
func (c command) wanted() map[allocation.LineKey]allocation.Quantity {
	units := map[allocation.LineKey]allocation.Quantity{}
	for _, line := range c.Lines {
		units[line.Key()] += line.Quantity
	}
	return units
}

// places says that the command says how many units a line is to have.
func (c command) places(key allocation.LineKey) bool {
	_, named := c.wanted()[key]
	return named && (c.Verb == allocate || c.Verb == change)
}

// counts says that the command sets the quantity of a batch.
func (c command) counts() bool { return c.Verb == receive || c.Verb == count }

// displaces says that the command may move or release anybody's lines.
func (c command) displaces() bool {
	return c.counts() || c.Verb == split || c.Verb == block || c.Verb == slip
}

// owns says that the command is about an order.
func (c command) owns(order allocation.OrderID) bool {
	return c.Order == order || c.Verb == handOver && c.To == order
}
