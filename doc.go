// Package allocation allocates customers' order lines to batches of stock, and never promises the same unit
// twice. A shop, a warehouse or a ticket seller embeds it: the rules are here, the storage is whatever
// the host plugs in, such as package memory, package sqlstore, or a [Store] of its own.
//
//	units := allocation.NewUnitOfWork(store, nil)
//	service, err := allocation.New(units, nil)
//	if err != nil {
//		return err
//	}
//	err = service.AddBatch(ctx, allocation.Batch{Ref: "batch-1", SKU: "RED-CHAIR", Purchased: 20})
//	...
//	line := allocation.OrderLine{OrderID: "order-17", SKU: "RED-CHAIR", Quantity: 2}
//	given, err := service.Allocate(ctx, allocation.Request{OrderLine: line})
//	var short *allocation.OutOfStockError
//	if errors.As(err, &short) {
//		... // short.Shortages says which lines, and what was available to each
//	}
//
// # Model
//
// Stock is bought in batches ([Batch]): a quantity of one [SKU] that is in the warehouse or arrives at its
// ETA. A customer's order has lines ([OrderLine]). To allocate a line is to promise it units of a batch; the
// result is an [Allocation]. All batches of a SKU and their lines form one aggregate, the [Product], with
// one version number; its methods are the only way to change them, and hold the rules:
//
//   - the warehouse goes before shipments and shipments by ETA, or as a [Policy] says;
//   - a line goes whole into one batch, unless its [Request] allows it to be split;
//   - OrderID and SKU name a line, and allocating it again returns what it has;
//   - an order is allocated as a whole or not at all, and the error names all that is short;
//   - a hold lapses by itself: its units are free from the moment that its time has passed;
//   - a batch that loses units moves its newest lines to other batches, or tells which it had to release.
//
// The model asks no clock and does no I/O. Quantities are whole units, times UTC in microseconds.
//
// # Service and units of work
//
// [Service] has one method for each thing that a host does: add, receive and count batches; allocate, change,
// cancel and ship lines; confirm and extend holds. Each is one unit of work, all or nothing, and safe to
// repeat. To group several commands, or to decide on products oneself, use the [UnitOfWork]:
//
//	err := units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
//		chair, err := products.Get(ctx, "RED-CHAIR", "order-17")
//		if err != nil {
//			return err
//		}
//		_, err = chair.Allocate(products.Now(), nil, request)
//		return err // nil commits everything; anything else forgets it
//	})
//
// Concurrency is optimistic: nothing is locked or open while the function runs, and the commit checks that
// every product which was read still has the version that was read. If not, the function runs again.
//
// A Service makes use of that check: commands that meet on a product share one commit, and the next allocation from a
// product needs no read. Both are on unless [ServiceOptions] say otherwise. [Service.AllocateEach] is for many orders
// at once.
//
// # Errors
//
// An [*Error] names the operation, the subject and its value, and wraps one of the sentinels: [ErrInvalid]
// before anything is written; [ErrNotFound], [ErrMismatch], [ErrNotAllowed] and [ErrLapsed] when the model
// refuses; [ErrConflict] when every attempt lost its race; [ErrUnknownOutcome] when the answer to a commit
// was lost. Lines that can't be met are an [*OutOfStockError]. After any error but ErrUnknownOutcome
// nothing has changed.
//
// # Events
//
// Every change tells what happened by an [Event], stored with it in the same commit. A product's events are
// numbered without gaps, and each has its entry in a ledger: what it moved in a batch's counters. A store
// that is a [Ledger] gives them back; [Service.Reconcile] checks that counters, lines and events agree.
//
// Package bus calls a host's handlers in the same process, after the commit. Package outbox brings events to a
// broker, at least once and in their order. Package views answers what a shop shows, without any aggregate.
// [UnitOfWorkOptions] have the hooks for logs, counters and spans.
//
// # Writing a store
//
// An adapter writes the two methods of [Store]: Load reads products as plain values ([State]), Commit writes
// what changed ([Changes]) under a version check. Identity map, retries and rules come on top of them and
// are not the adapter's concern. Package storetest has a row for everything that a store must do, and says
// why. A store that can account for itself implements [Ledger] too, one whose rows can be locked [Locker], and one whose events
// are to leave the building outbox.Store. A store passes the topics of the suite that it declares.
package allocation
