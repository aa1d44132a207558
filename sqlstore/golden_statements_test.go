package sqlstore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cosmic-go/allocation"
)

// fixedStatements are the statements of a store, by the names of the fields that have them. A statement without a
// sentence is never sent by the engines that have it.
var fixedStatements = []struct{ path, name, when string }{
	{"bySKU", "load by SKU",
		"Reads products by their SKUs, with the lines of some orders. On MariaDB: more than 50 products."},
	{"byOrder", "load by order", "Reads all products of an order: Cancel, Confirm, Extend and Ship without SKUs."},
	{"byBatch", "load by batch",
		"Reads the product of a batch with a page of the newest lines: ReceiveBatch, ChangeBatchQuantity and others."},
	{"bySKUWithDue", "load by SKU, with what is due",
		"Reads a product with the batches that are due: Sweep. On MariaDB: more than 50 products."},
	{"due", "load of what is due",
		"Reads the products with the holds and batches that were due first: Sweep. On MariaDB: finds the products."},
	{"queue", "load of those who wait",
		"Reads a page of the lines of a product that wait: Cancel, AddBatch and others, if anybody waits."},
	{"overdue", "load of those who wait no longer",
		"Reads a page of the lines of a product that wait although NeededBy has passed: Sweep."},
	{"chosenBy.0", "SKUs of an order", "Finds the products to lock before a load by order, inside Locked."},
	{"chosenBy.1", "SKU of a batch", "Finds the product to lock before a load by batch, inside Locked."},
	{"chosenBy.3", "SKUs of several orders",
		"Finds the products to lock before a load by order with further orders, inside Locked: HandOver."},
	{"chosenBy.2", "SKUs of what is due", "Finds the products to lock before a load of what is due, inside Locked."},
	{"lockRows", "lock products", "Locks products in the order of their SKUs before a load inside Locked."},
	{"lockAll", "lock everything",
		"The first statement of Locked on SQLite, where one transaction at a time can write."},
	{"versions", "check versions", "A commit of a unit of work that read products and changed none."},
	{"audit", "audit",
		"Reads the counters of a product's batches and the sums of its lines and events: Reconcile, Mend."},
	{"audits", "audit of many products", "Reads the same of a page of products: ReconcileAll."},
	{"events", "events", "Reads a page of a product's events: Events."},

	{"writer.addProduct", "commit: add a product", "A commit with a new product: AddBatch for a new SKU."},
	{"writer.setProduct", "commit: change a product", "A commit that changes a product: nearly every verb."},
	{"writer.checkProduct", "commit: check a product",
		"A commit that changes one product and only checks the version of another."},
	{"writer.addBatch", "commit: add a batch", "A commit with a new batch: AddBatch."},
	{"writer.changeBatch", "commit: change a batch",
		"A commit that changes more of a batch than the counters: ReceiveBatch and others."},
	{"writer.changeCounters", "commit: change the counters of a batch",
		"A commit that changes the counters of a batch alone: Allocate, Cancel and others."},
	{"writer.addPart", "commit: add a part of a line",
		"A commit with lines of which one has terms, a hold or several batches, for each part: Allocate, Ship."},
	{"writer.addPlainPart", "commit: add a plain line",
		"A commit with firm lines without terms, each from one batch, for each line: Allocate."},
	{"writer.removeLine", "commit: remove a line",
		"A commit that removes a line, or writes a line anew: Cancel, Ship."},
	{"writer.addEvent", "commit: add an event", "Every commit that changes anything, for each event."},

	{"writer.endWaiting", "commit: wait no longer",
		"A commit with a line that waits no longer, or for other units: the fill of a line, Cancel."},
	{"writer.addWaiting", "commit: wait", "A commit with a line that waits: Allocate."},
	{"writer.setServing", "commit: change where serving goes on",
		"A commit that served a page of those who wait, or everybody: ReceiveBatch of many units."},
	{"writer.setServings", "commit: change where serving goes on",
		"A commit that served a page of those who wait, or everybody: ReceiveBatch of many units."},

	{"writer.setBoth", "commit: change a product and a batch",
		"A commit that changes one product and one of its batches, not in the counters alone: ReceiveBatch."},
	{"writer.setBothCounters", "commit: change a product and the counters of a batch",
		"A commit that changes one product and the counters of one of its batches: most sales."},
	{"writer.lockProducts", "commit: lock products",
		"A commit that changes some products and only checks the versions of others."},
	{"writer.setProducts", "commit: change products",
		"A commit that changes several products: an order of several lines."},
	{"writer.changeBatches", "commit: change batches",
		"A commit that changes several batches, not in the counters alone: ChangeBatchQuantity that moves lines."},
	{"writer.changeSums", "commit: change the counters of batches",
		"A commit that changes the counters of several batches alone: an order of several lines."},
	{"writer.countBatches", "commit: count batches",
		"A commit whose UPDATE changed fewer batches than it should: one has its values already, or is missing."},
	{"writer.removeLines", "commit: remove lines", "A commit that removes lines, or writes lines anew: Cancel, Ship."},
	{"writer.oneLine", "commit of one line",
		"A commit that gives one part of one batch to one new line with terms or a hold: most holds."},
	{"writer.plainLine", "commit of one plain line",
		"A commit that gives one part of one batch to one new firm line without terms: most sales."},
	{"writer.strictOneLine", "commit of one line, in a pipeline",
		"The commit of one line with guests in the same round trip. A lost race is an error."},
	{"writer.strictPlainLine", "commit of one plain line, in a pipeline",
		"The commit of one plain line with guests in the same round trip. A lost race is an error."},

	{"outbox.claimable", "outbox: find claimable products",
		"Finds products with unsent events that nobody has leased: Claim, before the lease."},
	{"outbox.take", "outbox: lease products", "Leases products for a relay: Claim."},
	{"outbox.unsent", "outbox: read unsent events", "Reads the first unsent events of the leased products: Claim."},
	{"outbox.release", "outbox: release a product",
		"Ends the lease of a product that has no unsent events any more: Claim."},
	{"outbox.sent.0", "outbox: mark events as sent",
		"Settle of a delivery without a failure; PostgreSQL ends the lease in the same statement."},
	{"outbox.sent.1", "outbox: end a lease", "Settle of a delivery without a failure."},
	{"outbox.failure.0", "outbox: mark events before a failure as sent",
		"Settle of a delivery with a failure; PostgreSQL keeps the failure in the same statement."},
	{"outbox.failure.1", "outbox: keep a failure", "Settle of a delivery with a failure."},
	{"outbox.giveBack", "outbox: give a product back",
		"Settle of a delivery of which nothing new was sent: the failure stays, the lease ends."},
	{"outbox.upkeep.backlog", "outbox: backlog", "Counts the unsent events: Backlog."},
	{"outbox.upkeep.failures", "outbox: failures", "Lists the products whose first unsent event failed: Failures."},
	{"outbox.upkeep.retry", "outbox: forget a failure", "Lets a failed event be tried again: Retry."},
	{"outbox.upkeep.skip", "outbox: forget the failure of an event", "Gives a failed event up: Skip, first statement."},
	{"outbox.upkeep.mark", "outbox: mark a skipped event as sent", "Gives a failed event up: Skip, second statement."},
	{"outbox.upkeep.histories", "outbox: first events",
		"Reads a page of products with the time of the first event of each: Purge."},
	{"outbox.upkeep.history", "outbox: events of a product",
		"Finds how far a product's events are sent and old: Purge."},
	{"outbox.upkeep.purge", "outbox: delete events", "Deletes the old events of a product: Purge."},
	{"outbox.upkeep.addToTheSums", "outbox: add to the sums",
		"Adds what deleted events had moved to the sums of their batches: Purge."},

	{"views.order", "view: order", "Reads the lines of an order: Order."},
	{"views.lines", "view: lines of a batch", "Reads a page of the lines that wait for units of a batch: BatchLines."},
	{"views.batches", "view: batches", "Reads a page of the batches of a product: Batches."},
	{"views.queues", "view: queues", "Reads how many lines and units wait for products: Queues."},
	{"views.places", "view: places of an order", "Reads how many lines come before those of an order: Places."},
	{"views.stock.0", "view: stock", "Reads what can be promised of products: Stock. On MariaDB: of one product."},
	{"views.stock.1", "view: stock of two products",
		"Reads what can be promised of two products. Up to 50 products repeat the part for each."},
	{"views.stock.2", "", ""}, // these repeat the part for each product
	{"views.stock.3", "", ""},
	{"views.stock.4", "", ""},
	{"views.stock.5", "", ""},
	{"views.stock.6", "view: stock of many products", "Reads what can be promised of more than 32 products."},
	{"views.open.0", "view: open batches",
		"Reads the batches with units that can be promised: OpenBatches. On MariaDB: of one product."},
	{"views.open.1", "view: open batches of two products",
		"Reads the batches with units that can be promised of two products. Up to 50 products repeat the part."},
	{"views.open.2", "", ""}, // these repeat the part for each product
	{"views.open.3", "", ""},
	{"views.open.4", "", ""},
	{"views.open.5", "", ""},
	{"views.open.6", "view: open batches of many products",
		"Reads the batches with units that can be promised of more than 32 products."},
	{"views.lot", "view: batches of a lot", "Reads a page of the batches of a lot: LotBatches."},
	{"views.lotBatches", "view: batches of a lot with lines",
		"Finds the next batches of a lot that have lines, shipped lines included: LotLines."},
	{"views.lotLines.0", "view: lines of a batch of a lot", "Reads the first lines of a batch of a lot: LotLines."},
	{"views.lotLines.1", "view: lines of two batches of a lot",
		"Reads the first lines of two batches of a lot: LotLines. Up to 16 batches repeat the part for each."},
	{"views.lotLines.2", "", ""}, // these repeat the part for each batch
	{"views.lotLines.3", "", ""},
	{"views.lotLines.4", "", ""},
	{"views.lotBehind", "view: further lines of a batch of a lot",
		"Reads the lines of a batch of a lot behind the page before: LotLines."},
	{"views.due", "view: due", "Reads a page of each kind of what is due: Due."},
	{"views.products", "view: products", "Reads a page of products with their free units: Products."},
	{"views.lowProducts", "view: products with low stock", "Reads a page of products with low stock: Products."},
	{"views.waitedFor", "view: products that lines wait for",
		"Reads a page of products that lines wait for: Products."},
	{"views.lowWaitedFor", "view: products with low stock that lines wait for",
		"Reads a page of products with low stock that lines wait for: Products."},
	{"views.orders", "view: orders", "Reads a page of order ids: Orders."},
	{"views.ledgers", "view: products with recent events",
		"Finds the next products with events since a time, and the last event before: Entries."},
	{"views.entries.0", "view: events of a product", "Reads the first events of a product behind a number: Entries."},
	{"views.entries.1", "view: events of two products",
		"Reads the first events of two products: Entries. Up to 16 products repeat the part for each."},
	{"views.entries.2", "", ""}, // these repeat the part for each product
	{"views.entries.3", "", ""},
	{"views.entries.4", "", ""},
}

// goldenShapes are the commits of PostgreSQL that are put together, and their parts.
func goldenShapes(w *postgreSQLCommit) (all []goldenStatement) {
	for _, s := range shapesOfVerbs {
		q := w.compiled(s.shape)
		all = append(all, goldenStatement{"commit: " + s.name, s.when, q.text, q.params})
	}
	part := func(name, when, text string) {
		q := w.templates.compile(text)
		all = append(all, goldenStatement{"part: " + name, when, q.text, q.params})
	}
	for _, p := range commitParts {
		part(p.name, "A part of commits "+partsOfCommits[p.name]+".", p.text)
	}
	part("end", "Ends a commit that changes no batch.", endUnchecked)
	part("end with a check", "Ends a commit that changes batches, and fails if one is missing.", endChecked)
	return all
}

var shapesOfVerbs = []struct {
	name, when string
	shape      shape
}{
	{"new product with a batch", "AddBatch for a new SKU.", shape{newProducts: true, newBatches: true}},
	{"new batch", "AddBatch.", shape{one: true, newBatches: true}},
	{"product", "SetLowStock, Mend, and Allocate that is refused.", shape{one: true}},
	{"products", "Allocate of an order that is refused, and a unit of work that changes one product of several.",
		shape{}},
	{"batches of a product", "ChangeBatchETA, ReceiveBatch and ChangeBatchQuantity.", shape{one: true, batches: true}},
	{"plain lines of a product", "Allocate of several firm orders without terms.",
		shape{one: true, batches: true, counters: true, newLines: true, plain: true}},
	{"plain lines of a product, in a pipeline", "The same with guests in the same round trip. A lost race is an error.",
		shape{one: true, batches: true, counters: true, newLines: true, plain: true, strict: true}},
	{"lines of a product", "Allocate of several orders with terms or holds, or of a split line.",
		shape{one: true, batches: true, counters: true, newLines: true}},
	{"plain lines of several products", "Allocate of a firm order without terms, and AllocateEach.",
		shape{batches: true, counters: true, newLines: true, plain: true}},
	{"lines of several products", "Allocate of an order with terms or a hold, and AllocateEach.",
		shape{batches: true, counters: true, newLines: true}},
	{"plain lines of a product, in the place of others", "Allocate of what lapsed holds had.",
		shape{one: true, batches: true, counters: true, removed: true, newLines: true, plain: true}},
	{"changed lines of a product", "Ship, ShipPart, and ChangeBatchQuantity that moves lines.",
		shape{one: true, batches: true, removed: true, upsertLines: true}},
	{"changed lines and counters of a product", "ChangeLine, and a shipment at the moment of the last one.",
		shape{one: true, batches: true, counters: true, removed: true, upsertLines: true}},
	{"changed lines of several products", "Ship of an order.", shape{batches: true, removed: true, upsertLines: true}},
	{"terms of the lines of a product", "Confirm and Extend.", shape{one: true, removed: true, upsertLines: true}},
	{"terms of the lines of several products", "Confirm and Extend of an order.",
		shape{removed: true, upsertLines: true}},
	{"removed lines of a product", "ChangeBatchQuantity that releases lines.",
		shape{one: true, batches: true, removed: true}},
	{"removed lines and counters of a product", "Cancel and Sweep.",
		shape{one: true, batches: true, counters: true, removed: true}},
	{"removed lines of several products", "Cancel of an order.",
		shape{batches: true, counters: true, removed: true}},
	{"lines of a product begin to wait", "Allocate with Wait.", shape{one: true, newWaiting: true}},
	{"a line of a product waits for other units", "ChangeLine of a line that waits.", shape{one: true, waiting: true}},
	{"a line of a product waits no longer", "Cancel of a line that waits.", shape{one: true, ended: true}},
	{"a line of a product is served", "Cancel, if anybody waits.",
		shape{one: true, batches: true, counters: true, removed: true, newLines: true, ended: true}},
	{"serving of a product goes on", "Sweep, if many wait.",
		shape{one: true, batches: true, counters: true, newLines: true, ended: true, servings: true}},
	{"a new batch serves lines of a product", "AddBatch, if many wait.",
		shape{one: true, newBatches: true, newLines: true, ended: true, servings: true}},
}

// partsOfCommits say in which commits a part is.
var partsOfCommits = map[string]string{
	"one product":      "that change one product and check no other",
	"lock products":    "of several products, or of a new one",
	"all locked":       "of several products, none of them new",
	"add products":     "with a new product",
	"change products":  "of several products, or of a new one",
	"add batches":      "with a new batch",
	"change batches":   "that change more of a batch than the counters",
	"change counters":  "that change the counters of batches alone",
	"remove lines":     "that remove lines, or write lines anew with fewer parts",
	"add lines":        "with a new line that has terms, a hold or several batches",
	"add plain lines":  "with firm new lines without terms, each from one batch",
	"write lines anew": "that change lines",
	"add events":       "that change anything",

	"one product and its serving":       "that change where serving of one product goes on",
	"add products and their serving":    "with a new product and where serving goes on",
	"change products and their serving": "of several products, and where serving of some goes on",
	"begin to wait":                     "with a line that begins to wait",
	"wait for others":                   "with a line that waits for other units",
	"wait no longer":                    "with a line that waits no longer",
}

// goldenInserts are the inserts of MariaDB that have their values in the text.
func goldenInserts(w *mariaDBCommit) []goldenStatement {
	line := allocation.Allocation{
		OrderLine: allocation.OrderLine{OrderID: "order-1", SKU: "chair", Quantity: 5}, Split: true, Sequence: 7,
	}
	parts, _ := lineColumns.tuples([]lineRow{
		{Allocation: &line, part: allocation.Part{Batch: "batch-1", Quantity: 3}},
		{Allocation: &line, number: 1, part: allocation.Part{Batch: "batch-2", Quantity: 2}},
	}, mariaDB.longest)
	firm := line
	firm.Split = false
	plain, _ := plainColumns.tuples([]lineRow{
		{Allocation: &firm, part: allocation.Part{Batch: "batch-1", Quantity: 5}},
	}, mariaDB.longest)
	events, _ := eventColumns.tuples([]eventRow{{
		sku: "chair", sequence: 7, kind: "LowStockSet", data: `{"threshold":3}`, id: "an id", unsentFrom: 7,
	}}, mariaDB.longest)
	queue, _ := waitingColumns.tuples([]allocation.Allocation{{
		OrderLine: allocation.OrderLine{OrderID: "order-1", SKU: "chair"}, Waiting: 5, Wanted: 5, Sequence: 7,
	}}, mariaDB.longest)
	products, _ := productColumns.stored().tuples([]productRow{{sku: "chair", version: 1}}, mariaDB.longest)
	batches, _ := batchColumns.tuples([]allocation.Batch{{Ref: "batch-1", SKU: "chair", Purchased: 9}}, mariaDB.longest)
	return []goldenStatement{
		{"commit: begin a script",
			"Begins a commit without locks. Small writes follow, each with a semicolon, then END; large writes later.",
			strings.TrimSuffix(scriptStart, ";\n"), nil},
		{"commit: demand", "Stands in a script behind each write that finds rows; the number is an example.",
			scriptDemand(1), nil},
		{"commit: add products",
			"A commit with new products: AddBatch for a new SKU; the values are an example.",
			w.addProducts + products, nil},
		{"commit: add batches", "A commit with new batches: AddBatch; the values are an example.",
			w.addBatches + batches, nil},
		{"commit: add lines",
			"A commit with a line that has terms, a hold, several batches or a shipment: Allocate, Ship; the values " +
				"are an example.", w.addParts + parts, nil},
		{"commit: add plain lines",
			"A commit with firm lines without terms, each from one batch: Allocate; the values are an example.",
			w.addPlainParts + plain, nil},
		{"commit: wait", "A commit with a line that waits: Allocate; the values are an example.",
			w.addWaiting + queue, nil},
		{"commit: add events", "Every commit that changes anything; the values are an example.",
			w.addEvents + events, nil},
	}
}

// goldenArms are the statements of MariaDB that repeat a part for each product.
func goldenArms(s *statements) []goldenStatement {
	one := s.load(allocation.Query{SKUs: []allocation.SKU{"a"}})
	two := s.load(allocation.Query{SKUs: []allocation.SKU{"a", "b"}})
	due := s.load(allocation.Query{SKUs: []allocation.SKU{"a"}, Due: true})
	arm := s.templates.compile(s.templates.lapsedUnion(1, skuParameter))
	expiry := s.templates.compile(s.templates.expiryOf(skuParameter(0)))
	units := s.templates.compile(s.templates.unitsOfSKU(skuParameter(0)))
	return []goldenStatement{
		{"load of one product by SKU", "Reads one product: most verbs.", one.text, one.params},
		{"load of two products by SKU",
			"Reads two products. Up to 50 products repeat the part for each.", two.text, two.params},
		{"load of one product by SKU, with what is due",
			"Reads a product with the batches that are due: Sweep. Up to 50 products repeat the part for each.",
			due.text, due.params},
		{"repeated: lapsed holds of a product",
			"The part that is repeated for each product, with UNION between.", arm.text, arm.params},
		{"repeated: first expiry of a product",
			"The branch that is repeated for each product in a load.", expiry.text, expiry.params},
		{"repeated: units of lapsed holds of a product",
			"The part that is repeated for each product in Stock, with UNION ALL between.", units.text, units.params},
	}
}

// goldenTexts are the statements of transactions and migrations.
func goldenTexts(s *Store) (all []goldenStatement) {
	add := func(name, when, text string) {
		if text != "" {
			q := s.templates.compile(text)
			all = append(all, goldenStatement{name, when, q.text, q.params})
		}
	}
	if s.engine.savepoint {
		add("savepoint", "Begins a commit inside a transaction of the host.", setSavepoint)
		add("back to the savepoint", "Undoes a commit inside a transaction of the host.", backToSavepoint)
	}
	add("guests: savepoint", "Begins a commit with guests inside a transaction.", setGuestsSavepoint)
	add("guests: back to the savepoint",
		"Undoes a commit inside a transaction after guests failed.", backToGuestsSavepoint)
	add("guest: savepoint", "Begins a guest after guests failed, to find out which.", setGuestSavepoint)
	add("guest: back to the savepoint", "Undoes a guest that failed.", backToGuestSavepoint)
	add("repeated: lines of a batch of a lot",
		"The part that is repeated for each batch in LotLines, with UNION ALL between.",
		s.templates.linesOf(":sku0", ":batch0", ""))
	add("repeated: events of a product",
		"The part that is repeated for each product in Entries, with UNION ALL between.", entriesOf("0"))
	for i, text := range s.engine.lock {
		add("migration: lock "+strconv.Itoa(i+1),
			"Keeps other processes from migrating at the same time: Migrate.", text)
	}
	add("migration: unlock", "Ends a migration: Migrate.", s.engine.unlock)
	if s.engine.undo != s.engine.unlock {
		add("migration: undo", "Ends a migration after an error: Migrate.", s.engine.undo)
	}
	add("schema: is there a version",
		"Looks for the table of versions: Migrate, CheckSchema, and any method that misses a table.", s.engine.hasTable)
	add("schema: version",
		"Reads the version of the tables: Migrate, CheckSchema, and any method that misses a table.", latestVersion)
	add("schema: database", "Names the database in an error about missing tables.", s.engine.database)
	if s.engine.pooled {
		add("schema: sessions", "Finds out whether a pooler gives a connection another session: CheckSchema.",
			fmt.Sprintf(lookAround, "a random word"))
	}
	for _, setting := range s.engine.settings {
		add("setting: "+setting.name, "Reads a setting of the connection: CheckSchema.", setting.query)
	}
	return all
}
