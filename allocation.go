package allocation

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Service is what a host calls: one method for each use case. Each is one unit of work that either does all
// of what it says or returns an error and leaves every product as it was. A Service is safe for
// concurrent use.
//
// Every method validates its arguments before anything is read ([ErrInvalid]), and answers [ErrNotFound] for
// a SKU, batch or order that the store doesn't have. It may be repeated after an [ErrUnknownOutcome], a
// lost connection or a crash; its comment says what the repeat answers if the first call went through. A
// repeat is the same call before any other command on the same line or batch: a line that was cancelled, for
// example, can be allocated anew.
//
// Commands of one Service that meet on a product are committed together, unless [ServiceOptions].NoGroupCommit is set,
// and each gets its own answer. A caller whose context ends while its command waits leaves at once; if a commit
// has taken the command, the answer is ErrUnknownOutcome, and the command goes on, before any that comes later for its products or its
// order. One of the callers carries out the commit: it stays until the commit is answered, or all others have
// left, too. The store is called under the values of that caller's context. Policies and hooks of a unit of work must not call the Service for the same products, which
// would wait for itself; [UnitOfWorkOptions].Committed may.
type Service struct {
	units  UnitOfWork
	policy Policy
	queue  *queue // nil: every command is a unit of work by itself
}

// New returns a Service over a unit of work, which is usually [NewUnitOfWork] over a store. The options may
// be nil.
//
// New reads nothing. New returns an [*Error] that wraps [ErrInvalid] if the unit of work is nil, if NewUnitOfWork was
// given a nil store or options that can't be honoured, or if the options of the Service can't be honoured.
func New(units UnitOfWork, opts *ServiceOptions) (*Service, error) {
	if opts == nil {
		opts = &ServiceOptions{}
	}
	if err := opts.check(units); err != nil {
		return nil, err
	}
	s := &Service{units: units, policy: opts.Policy}
	if own, ok := units.(*unit); ok && !own.joined && !opts.NoGroupCommit {
		s.queue = newQueue(own, opts.cacheSize(own))
	}
	return s, nil
}

// WithPolicy returns the same Service under another policy, for a single call or for many.
func (s *Service) WithPolicy(policy Policy) *Service {
	other := *s
	other.policy = policy
	return &other
}

// AddBatch announces a batch of stock, and its product if this is the first. A repeat changes nothing; another
// announcement under the same Ref is [ErrMismatch].
func (s *Service) AddBatch(ctx context.Context, announced Batch) error {
	const op = "AddBatch"
	if err := announced.check(op); err != nil {
		return err
	}
	return s.do(ctx, command{op: op, skus: []SKU{announced.SKU}, batch: announced.Ref, itself: true, run: func(ctx context.Context, products Repository) error {
		p, err := owner(ctx, products, announced)
		if err != nil {
			return err
		}
		return p.AddBatch(announced, products.Now())
	}})
}

// owner finds the product of a batch that may be known already, or makes it.
func owner(ctx context.Context, products Repository, announced Batch) (*Product, error) {
	p, err := products.GetByBatch(ctx, announced.Ref)
	if err == nil && p.SKU() != announced.SKU {
		return nil, &Error{Op: "AddBatch", Field: "batch", Value: announced.Ref, Err: ErrMismatch}
	}
	if !errors.Is(err, ErrNotFound) {
		return p, err
	}
	p, err = products.Get(ctx, announced.SKU)
	if !errors.Is(err, ErrNotFound) {
		return p, err
	}
	if p, err = NewProduct(announced.SKU); err != nil {
		return nil, err
	}
	return p, products.Add(p)
}

// ReceiveBatch says that a batch has arrived, and what was counted then. It returns the lines that lost units
// because fewer arrived than were promised, each with what it lost. A repeat changes nothing and
// returns none.
func (s *Service) ReceiveBatch(ctx context.Context, counted Count) (released []OrderLine, err error) {
	return s.count(ctx, "ReceiveBatch", counted, (*Product).ReceiveBatch)
}

// ChangeBatchQuantity sets a batch to what was counted. Lines that it can't keep move to other batches, newest
// first; those that fit nowhere are released and returned, each with the units that it lost (R6). A
// repeat changes nothing and returns none.
func (s *Service) ChangeBatchQuantity(ctx context.Context, counted Count) (released []OrderLine, err error) {
	return s.count(ctx, "ChangeBatchQuantity", counted, (*Product).ChangeBatchQuantity)
}

func (s *Service) count(
	ctx context.Context, op string, counted Count, change func(*Product, Count, time.Time, Policy) ([]OrderLine, error),
) (released []OrderLine, err error) {
	if err := counted.check(op); err != nil {
		return nil, err
	}
	c := command{op: op, batch: counted.Batch}
	return onlyIf(decide(ctx, s, c, func(ctx context.Context, products Repository) ([]OrderLine, error) {
		p, err := products.GetByBatch(ctx, counted.Batch)
		if err != nil {
			return nil, err
		}
		return change(p, counted, products.Now(), s.policy)
	}))
}

// ChangeBatchETA says when a batch will arrive. A repeat changes nothing; once the batch has arrived it is
// [ErrNotAllowed].
func (s *Service) ChangeBatchETA(ctx context.Context, ref BatchRef, eta time.Time) error {
	const op = "ChangeBatchETA"
	if err := checkID(op, "batch", ref); err != nil {
		return err
	}
	if err := checkTime(op, "eta", eta); err != nil {
		return err
	}
	return s.do(ctx, command{op: op, batch: ref, run: func(ctx context.Context, products Repository) error {
		p, err := products.GetByBatch(ctx, ref)
		if err != nil {
			return err
		}
		return p.ChangeBatchETA(ref, eta, products.Now())
	}})
}

// SetLowStock changes a product's low-stock threshold, see [Product.SetLowStock]. A repeat changes nothing.
func (s *Service) SetLowStock(ctx context.Context, sku SKU, threshold Quantity) error {
	const op = "SetLowStock"
	if err := checkID(op, "sku", sku); err != nil {
		return err
	}
	if err := checkQuantity(op, "threshold", threshold, 0); err != nil {
		return err
	}
	return s.do(ctx, command{op: op, skus: []SKU{sku}, run: func(ctx context.Context, products Repository) error {
		p, err := products.Get(ctx, sku)
		if err != nil {
			return err
		}
		return p.SetLowStock(threshold, products.Now())
	}})
}

// Allocate promises stock to lines, of one order or of several: to all of them or, with an [*OutOfStockError]
// that names every line that is short, to none (R5). Lines of one order and SKU are one line with
// their sum, and the allocations come in the order in which the lines first appear.
//
// A line that has its allocation already keeps it and gets it again, whatever the terms now, so that a
// repeat answers what the first call did (R3): a held line stays held, [Service.Confirm] makes it firm. A
// line that is known with another quantity is [ErrMismatch]; so is a repeat after the line was changed.
//
// A refusal is told by a [LineRefused] (R10). If that can't be committed, the answer is both errors, joined.
func (s *Service) Allocate(ctx context.Context, requests ...Request) ([]Allocation, error) {
	return s.allocate(ctx, "Allocate", requests)
}

func (s *Service) allocate(ctx context.Context, op string, requests []Request) ([]Allocation, error) {
	order, err := newOrder(op, requests)
	if err != nil {
		return nil, err
	}
	got, err := decide(ctx, s, order.command(op), func(ctx context.Context, products Repository) (decision[[]Allocation], error) {
		return order.allocate(ctx, products, s.policy)
	})
	return got.answer(err)
}

// ChangeLine gives a line another quantity: more units if they can be had, else the line stays as it was and
// the answer is an [*OutOfStockError]; or fewer, but not fewer than were shipped. See
// [Product.ChangeLine]. A repeat changes nothing and returns the same allocation.
func (s *Service) ChangeLine(ctx context.Context, wanted OrderLine) (Allocation, error) {
	const op = "ChangeLine"
	if err := wanted.check(op); err != nil {
		return Allocation{}, err
	}
	c := command{op: op, skus: []SKU{wanted.SKU}, orders: []OrderID{wanted.OrderID}}
	got, err := decide(ctx, s, c, func(ctx context.Context, products Repository) (got decision[Allocation], err error) {
		p, err := products.Get(ctx, wanted.SKU, wanted.OrderID)
		if err != nil {
			return got, err
		}
		got.given, err = p.ChangeLine(wanted, products.Now(), s.policy)
		if errors.As(err, &got.short) {
			p.refuse(products.Now(), got.short.Shortages)
			return got, nil
		}
		return got, err
	})
	return got.answer(err)
}

// Cancel takes back the unshipped units of an order, or of its lines of the given SKUs, and returns the lines
// that stay because some of their units have shipped, with what was shipped. A repeat changes
// nothing and returns the same; if nothing stayed, it is [ErrNotFound].
func (s *Service) Cancel(ctx context.Context, order OrderID, skus ...SKU) (shipped []Allocation, err error) {
	all, err := s.eachLine(ctx, "Cancel", order, skus, (*Product).Cancel)
	return slices.DeleteFunc(all, func(a Allocation) bool { return a.Quantity == 0 }), err
}

// Confirm makes the holds of an order firm, or those of its lines of the given SKUs: all of them, or none if
// any has lapsed. It returns what is firm now. Without SKUs it knows only the lines that are there: one whose
// hold lapsed and was cleared away, or that was released because its batch was cut (R6), is not among them.
// Name the SKUs of the whole order, as after a payment, and a line that is gone is [ErrNotFound] and confirms
// none; one that is there and has lapsed is [ErrLapsed]. A repeat changes nothing and returns the same.
func (s *Service) Confirm(ctx context.Context, order OrderID, skus ...SKU) ([]Allocation, error) {
	return s.eachLine(ctx, "Confirm", order, skus, (*Product).Confirm)
}

// Extend holds the lines of an order, or those of the given SKUs, until a later time: all of them, or none if
// any has lapsed ([ErrLapsed]) or is firm ([ErrNotAllowed]). As with [Service.Confirm], only lines whose SKUs
// are given can be missed. A repeat changes nothing and returns the same.
func (s *Service) Extend(ctx context.Context, order OrderID, until time.Time, skus ...SKU) ([]Allocation, error) {
	if err := checkTime("Extend", "hold until", until); err != nil {
		return nil, err
	}
	return s.eachLine(ctx, "Extend", order, skus, func(p *Product, order OrderID, now time.Time) (Allocation, error) {
		return p.Extend(order, until, now)
	})
}

// Ship lets all units of an order leave the warehouse, or those of its lines of the given SKUs: all of them,
// or none if any has not arrived, or is only held ([ErrNotAllowed]). A repeat changes nothing and
// returns the same.
func (s *Service) Ship(ctx context.Context, order OrderID, skus ...SKU) ([]Allocation, error) {
	return s.eachLine(ctx, "Ship", order, skus, (*Product).Ship)
}

// ShipPart lets units of a line leave the warehouse; the quantity of shipped is the total that has left so far.
// See [Product.ShipPart]. A repeat, however late, changes nothing and returns the line as it is.
func (s *Service) ShipPart(ctx context.Context, shipped OrderLine) (Allocation, error) {
	const op = "ShipPart"
	if err := shipped.check(op); err != nil {
		return Allocation{}, err
	}
	c := command{op: op, skus: []SKU{shipped.SKU}, orders: []OrderID{shipped.OrderID}}
	return onlyIf(decide(ctx, s, c, func(ctx context.Context, products Repository) (Allocation, error) {
		p, err := products.Get(ctx, shipped.SKU, shipped.OrderID)
		if err != nil {
			return Allocation{}, err
		}
		return p.ShipPart(shipped, products.Now())
	}))
}

// eachLine runs one verb on the lines of an order, by SKU: on all of them, or on those of the given SKUs.
func (s *Service) eachLine(
	ctx context.Context, op string, order OrderID, skus []SKU, verb func(*Product, OrderID, time.Time) (Allocation, error),
) ([]Allocation, error) {
	if err := checkID(op, "order", order); err != nil {
		return nil, err
	}
	for _, sku := range skus {
		if err := checkID(op, "sku", sku); err != nil {
			return nil, err
		}
	}
	skus = slices.Compact(slices.Sorted(slices.Values(skus)))
	c := command{op: op, skus: skus, orders: []OrderID{order}}
	if len(skus) == 0 {
		c.order = order
	}
	return onlyIf(decide(ctx, s, c, func(ctx context.Context, products Repository) (lines []Allocation, err error) {
		ordered, err := productsOf(ctx, products, order, skus)
		if err != nil {
			return nil, err
		}
		for _, p := range ordered { // before anything is changed
			if _, err := p.find(op, order); err != nil {
				return nil, err
			}
		}
		for _, p := range ordered {
			line, err := verb(p, order, products.Now())
			if err != nil {
				return nil, err
			}
			lines = append(lines, line)
		}
		return lines, nil
	}))
}

func productsOf(ctx context.Context, products Repository, order OrderID, skus []SKU) ([]*Product, error) {
	if len(skus) == 0 {
		return products.GetByOrder(ctx, order)
	}
	return products.GetMany(ctx, skus, order)
}

// ReleaseLapsed tells of the holds that have lapsed ([HoldLapsed]) and clears them away, a page of products at
// a time and each product by itself, and returns how many lines that were. Nothing has to wait for
// it, since lapsed units are free from the moment the hold passes; call it now and then so that the
// events come even for products that nobody buys. A repeat goes on where the first call ended.
func (s *Service) ReleaseLapsed(ctx context.Context) (released int, err error) {
	for {
		skus, err := s.lapsed(ctx)
		if err != nil || len(skus) == 0 {
			return released, err
		}
		before := released
		for _, sku := range skus {
			n, err := s.releaseLapsed(ctx, sku)
			if released += n; err != nil {
				return released, err
			}
		}
		if released == before {
			return released, nil // others were faster
		}
	}
}

func (s *Service) lapsed(ctx context.Context) (skus []SKU, err error) {
	alone := *s
	alone.queue = nil // it only looks, and would burden a group with all that it finds
	return decide(ctx, &alone, command{op: "ReleaseLapsed"}, func(ctx context.Context, products Repository) (skus []SKU, err error) {
		lapsed, err := products.GetLapsed(ctx)
		for _, p := range lapsed {
			skus = append(skus, p.SKU())
		}
		return skus, err
	})
}

func (s *Service) releaseLapsed(ctx context.Context, sku SKU) (released int, err error) {
	c := command{op: "ReleaseLapsed", skus: []SKU{sku}}
	return onlyIf(decide(ctx, s, c, func(ctx context.Context, products Repository) (int, error) {
		p, err := products.Get(ctx, sku)
		if err != nil {
			return 0, err
		}
		return p.ReleaseLapsed(products.Now()), nil
	}))
}
