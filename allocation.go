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
type Service struct {
	units  UnitOfWork
	policy Policy
}

// New returns a Service over a unit of work, which is usually [NewUnitOfWork] over a store. The options may
// be nil.
func New(units UnitOfWork, opts *Options) *Service {
	s := &Service{units: units}
	if opts != nil {
		s.policy = opts.Policy
	}
	return s
}

// WithPolicy returns the same Service under another policy, for a single call or for many.
func (s *Service) WithPolicy(policy Policy) *Service {
	other := *s
	other.policy = policy
	return &other
}

// do runs one unit of work for the method op.
func (s *Service) do(ctx context.Context, op string, fn func(ctx context.Context, products Repository) error) error {
	if s.units == nil {
		return invalid(op, "unit of work", nil, "must not be nil")
	}
	if own, ok := s.units.(*unit); ok {
		return own.do(ctx, op, fn)
	}
	return s.units.Do(ctx, fn)
}

// AddBatch announces a batch of stock, and its product if this is the first. A repeat changes nothing; another
// announcement under the same Ref is [ErrMismatch].
func (s *Service) AddBatch(ctx context.Context, announced Batch) error {
	const op = "AddBatch"
	if err := announced.check(op); err != nil {
		return err
	}
	return s.do(ctx, op, func(ctx context.Context, products Repository) error {
		p, err := owner(ctx, products, announced)
		if err != nil {
			return err
		}
		return p.AddBatch(announced, products.Now())
	})
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
	err = s.do(ctx, op, func(ctx context.Context, products Repository) error {
		p, err := products.GetByBatch(ctx, counted.Batch)
		if err != nil {
			return err
		}
		released, err = change(p, counted, products.Now(), s.policy)
		return err
	})
	return onlyIf(released, err)
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
	return s.do(ctx, op, func(ctx context.Context, products Repository) error {
		p, err := products.GetByBatch(ctx, ref)
		if err != nil {
			return err
		}
		return p.ChangeBatchETA(ref, eta, products.Now())
	})
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
	return s.do(ctx, op, func(ctx context.Context, products Repository) error {
		p, err := products.Get(ctx, sku)
		if err != nil {
			return err
		}
		return p.SetLowStock(threshold, products.Now())
	})
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
	const op = "Allocate"
	if len(requests) == 0 {
		return nil, invalid(op, "requests", len(requests), "must not be empty")
	}
	requests, err := merge(op, requests)
	if err != nil {
		return nil, err
	}
	var allocations []Allocation
	var short *OutOfStockError
	err = s.do(ctx, op, func(ctx context.Context, products Repository) error {
		allocations, short = nil, nil
		order, err := loadOrder(ctx, products, requests)
		if err != nil {
			return err
		}
		if short, err = order.plan(products.Now(), s.policy); err != nil {
			return err
		}
		if short != nil {
			order.refuse(products.Now(), short.Shortages)
			return nil
		}
		allocations = order.carryOut(products.Now())
		return nil
	})
	return onlyIf(allocations, refused(short, err))
}

// ChangeLine gives a line another quantity: more units if they can be had, else the line stays as it was and
// the answer is an [*OutOfStockError]; or fewer, but not fewer than were shipped. See
// [Product.ChangeLine]. A repeat changes nothing and returns the same allocation.
func (s *Service) ChangeLine(ctx context.Context, wanted OrderLine) (changed Allocation, err error) {
	const op = "ChangeLine"
	if err := wanted.check(op); err != nil {
		return Allocation{}, err
	}
	var short *OutOfStockError
	err = s.do(ctx, op, func(ctx context.Context, products Repository) error {
		short = nil
		p, err := products.Get(ctx, wanted.SKU, wanted.OrderID)
		if err != nil {
			return err
		}
		changed, err = p.ChangeLine(wanted, products.Now(), s.policy)
		if errors.As(err, &short) {
			p.refuse(products.Now(), short.Shortages)
			return nil
		}
		return err
	})
	return onlyIf(changed, refused(short, err))
}

// refused answers a shortage, and says so if its event couldn't be kept.
func refused(short *OutOfStockError, err error) error {
	switch {
	case short == nil:
		return err
	case err == nil:
		return short
	}
	return errors.Join(short, err)
}

// onlyIf drops what an attempt computed before it failed.
func onlyIf[T any](value T, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return value, nil
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
func (s *Service) ShipPart(ctx context.Context, shipped OrderLine) (line Allocation, err error) {
	const op = "ShipPart"
	if err := shipped.check(op); err != nil {
		return Allocation{}, err
	}
	err = s.do(ctx, op, func(ctx context.Context, products Repository) error {
		p, err := products.Get(ctx, shipped.SKU, shipped.OrderID)
		if err != nil {
			return err
		}
		line, err = p.ShipPart(shipped, products.Now())
		return err
	})
	return onlyIf(line, err)
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
	var lines []Allocation
	skus = slices.Compact(slices.Sorted(slices.Values(skus)))
	err := s.do(ctx, op, func(ctx context.Context, products Repository) error {
		lines = nil
		ordered, err := productsOf(ctx, products, order, skus)
		if err != nil {
			return err
		}
		for _, p := range ordered {
			line, err := verb(p, order, products.Now())
			if err != nil {
				return err
			}
			lines = append(lines, line)
		}
		return nil
	})
	return onlyIf(lines, err)
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
	err = s.do(ctx, "ReleaseLapsed", func(ctx context.Context, products Repository) error {
		skus = nil
		lapsed, err := products.GetLapsed(ctx)
		for _, p := range lapsed {
			skus = append(skus, p.SKU())
		}
		return err
	})
	return skus, err
}

func (s *Service) releaseLapsed(ctx context.Context, sku SKU) (released int, err error) {
	err = s.do(ctx, "ReleaseLapsed", func(ctx context.Context, products Repository) error {
		p, err := products.Get(ctx, sku)
		if err != nil {
			return err
		}
		released = p.ReleaseLapsed(products.Now())
		return nil
	})
	return onlyIf(released, err)
}
