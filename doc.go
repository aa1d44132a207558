// Package allocation allocates customers' order lines to batches of stock, and never promises the
// same unit twice. A shop, a warehouse or a ticket seller embeds the package. The rules are here; the
// host chooses the storage: package memory, package sqlstore, or a [Store] of its own.
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
// Stock is bought in batches. A [Batch] is a quantity of one [SKU] that is in the warehouse or
// arrives at the batch's ETA. A customer's order has lines ([OrderLine]). To allocate a line is to
// promise the line units of a batch; the result is an [Allocation]. An allocation may be a hold,
// which lapses at a given time unless the customer confirms before. All batches of a SKU and their
// lines form one aggregate, the [Product], with one version number. Only the methods of Product
// change batches and lines, and they hold the rules below.
//
// The model asks no clock and does no I/O. Quantities are whole units, times are UTC in microseconds.
//
// # Rules
//
// Comments in this package cite the rules by number.
//
//   - R1: Stock in the warehouse goes before shipments, in the warehouse the batch that arrived first,
//     and shipments go by ETA; ties go to the lower Ref. A [Policy] can decide otherwise.
//   - R2: A line comes whole from one batch, unless the [Request] allows a split. In a split each
//     further batch gives only the remainder.
//   - R3: OrderID, SKU and LineID name a line. Allocating a line again returns the allocation and
//     takes nothing more; with another quantity or other terms the call is an [ErrMismatch]. A repeat
//     never weakens a line: a firm request makes a hold firm, and a later HoldUntil extends a hold.
//   - R4: A unit of demand counts once. Lines with the same name are added up, and each line is
//     judged on the stock that earlier lines left.
//   - R5: An order is allocated as a whole or not at all, and the error names every shortage.
//   - R6: Cutting a batch below its promises moves lines to other batches, holds before firm lines,
//     lower priorities before higher, the newest first ([Rank]); units that fit
//     nowhere are released and reported. Blocking a batch moves all lines. Units that are split off a
//     batch take along only lines that the free units and the remaining units leave no room for.
//   - R7: A hold lapses by itself: from its time on the units are free, and the hold never comes
//     back.
//   - R8: Announcing, splitting, counting and shipping can be repeated without harm; units that have
//     not arrived, or that are blocked, can't be shipped.
//   - R9: Every change is recorded by an [Event]. The product's version is the number of its last
//     event, and the events add up to the counters.
//   - R10: A refusal changes no live line; a refusal may clear lapsed holds. Refusals are recorded once,
//     until something else happens to the product.
//   - R11: Time is an argument, in UTC and whole microseconds.
//   - R12: Identifiers, quantities and times are checked before the store is touched.
//   - R13: A batch that is blocked, has expired, or will have expired on arrival is not saleable. No
//     unit of the batch is allocated, whatever the policy, and the batch counts in no number.
//     [BatchExpired] is recorded once for each batch that expires, by the next change or the sweep.
//   - R14: NeededBy, FreshUntil and Location of a [Request] bind the line wherever the line gets units:
//     when allocated, when made larger, and when moved. A policy only orders the batches that fit.
//     If a shipment slips, the lines move to batches that fit, or are late, which [LineLate] says once.
//   - R15: Whenever units become free, the same commit gives them to the lines that wait ([Request].Wait):
//     by priority, then by age, each under the line's own terms. A line that doesn't fit is passed over,
//     and a newcomer gets what those who wait have left. If very many wait, the next commits go on where
//     the commit stopped, before anybody else takes units.
//
// # Service and units of work
//
// [Service] has one method for each thing that a host does: add, receive, count, split and block
// batches; allocate, change, cancel and ship lines; confirm and extend holds; hand over the lines of a
// cart to an order. Each method is one unit of work, all or nothing, and safe to repeat. To group several
// commands, or to decide on products in the host's own code, use the [UnitOfWork]:
//
//	err := units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
//		chair, err := products.Get(ctx, "RED-CHAIR", "order-17")
//		if err != nil {
//			return err
//		}
//		_, err = chair.Allocate(products.Now(), nil, request)
//		return err // nil commits everything; any error forgets everything
//	})
//
// Concurrency is optimistic. While the function runs, nothing is locked and no transaction is open.
// The commit checks that every product still has the version that was read. If not, the function runs
// again, with the products locked if the store is a [Locker].
//
// A Service saves reads and commits: commands that meet on a product share one commit, and recently
// committed products are cached, so that the next allocation or announcement of a batch needs no read.
// The version check keeps both safe. Both are on unless [ServiceOptions] say otherwise.
// [Service.AllocateEach] is for many orders at once.
//
// # Errors
//
// An [*Error] names the operation, the subject and the value, and wraps one of the sentinels:
// [ErrInvalid] before anything is written; [ErrNotFound], [ErrMismatch], [ErrNotAllowed] and
// [ErrLapsed] when the model refuses; [ErrConflict] when every attempt lost its race;
// [ErrUnknownOutcome] when the answer to a commit was lost. Lines that can't be met are an
// [*OutOfStockError]. After any error of a unit of work but ErrUnknownOutcome no live line has changed,
// and no batch but by lapsed holds that were cleared.
//
// # Lapsed holds
//
// The units of a lapsed hold are free at once (R7), and the next sale of the product clears the hold away.
// A product is loaded with a page of lapsed holds ([UnitOfWorkOptions].PageSize). If a command needs more, a
// line that can't be met otherwise for example, the holds are cleared first: a page for each commit, recorded by
// [HoldLapsed] as by [Service.Sweep], with a look at the context in between. Then the command runs again,
// until the line can be met or no lapsed hold is left. So a flood of lapsed holds costs one caller, once, and
// other callers go in between. If the context ends meanwhile, the holds cleared so far stay cleared. Over a
// store inside a host's transaction the clearing is part of the host's transaction.
//
// # Events
//
// Every change records an [Event], stored in the same commit. A product's events are numbered without
// gaps, and each event is an entry in a ledger: the difference that the event made to a batch's
// counters. A store that is a [Ledger] reads the events back; [Service.Reconcile] checks that
// counters, lines, events and version agree, [Service.Mend] corrects, and [Service.PlanMend] shows the
// correction beforehand.
//
// Package bus calls a host's handlers in the same process, after the commit. Package outbox brings
// events to a broker, at least once and in order. Package views answers a shop's questions without
// loading any aggregate.
//
// # Hooks
//
// [UnitOfWorkOptions] have hooks for spans, counters and logs: Attempt runs around each attempt of a
// unit of work, Commit around each call of the store's Commit, and Committed gets the events of a
// commit. TraceParent ties each event to the trace of the caller. Logger hears of lost races.
// [ServiceOptions] have three hooks more: Command runs around each command as its caller sees it, Group
// gets the number of commands that share a commit, and CacheLookup gets each hit or miss of the product
// cache. A host may also wrap the library's [UnitOfWork]; a method Unwrap on the wrapper keeps group
// commit and the cache working. No setting is ignored: a setting that can't be honoured is an error of
// [New]. The module telemetry has all of these hooks for OpenTelemetry.
//
// # Writing a store
//
// An adapter writes the two methods of [Store]: Load reads products as plain values ([State]), Commit
// writes the differences ([Changes]) under a version check. The unit of work does the rest for every
// store: one copy of each product, retries and rules. Package storetest tests each promise of a
// store, and says why the promise matters. A store may offer more: a [Ledger] accounts for stock, a
// [Locker] locks products, an outbox.Store hands out the events, an outbox.Maintainer looks after the
// outbox, and the interfaces of package views answer queries. Each ability has its own topic in the
// suite, and the suite finds out which abilities a store has.
package allocation
