package console

import (
	"context"
	"html/template"
	"net/http"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/views"
)

// New returns the pages over a store; opts may be nil. The handler knows no prefix: a host mounts the handler below a
// prefix with a slash at the end, and strips the prefix without the slash, see [net/http.StripPrefix]. All links are
// relative. The handler is safe for concurrent use.
//
// New reads nothing from the store. A nil store, and a setting with a bad value or without effect, is an
// [*allocation.Error] that wraps [allocation.ErrInvalid].
func New(store allocation.Store, opts *Options) (http.Handler, error) {
	if store == nil {
		return nil, invalid("store", nil, "must not be nil")
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	able := abilitiesOf(store)
	o, err := o.checked(able.outbox != nil)
	if err != nil {
		return nil, err
	}
	templates, err := parseTemplates()
	if err != nil {
		return nil, err
	}
	c := &console{Options: o, store: store, abilities: able, templates: templates, forms: newForms(o.Key)}
	c.pages = c.routes()
	return c, nil
}

// console is the handler.
type console struct {
	Options
	abilities
	store     allocation.Store
	templates map[string]*template.Template
	forms     forms
	pages     map[string]page
}

// abilities are the store's optional abilities; nil for a missing ability.
type abilities struct {
	orders  views.OrderReader
	stock   views.StockReader
	batches views.BatchReader
	lines   views.LineReader
	lots    views.LotReader
	due     views.DueReader
	lists   views.ListReader
	queues  views.QueueReader
	outbox  outbox.Maintainer
}

func abilitiesOf(store allocation.Store) (a abilities) {
	a.orders, _ = store.(views.OrderReader)
	a.stock, _ = store.(views.StockReader)
	a.batches, _ = store.(views.BatchReader)
	a.lines, _ = store.(views.LineReader)
	a.lots, _ = store.(views.LotReader)
	a.due, _ = store.(views.DueReader)
	a.lists, _ = store.(views.ListReader)
	a.queues, _ = store.(views.QueueReader)
	a.outbox, _ = store.(outbox.Maintainer)
	return a
}

// now returns the time as stores keep it: in UTC and whole microseconds (R11).
func (c *console) now() time.Time { return c.Now().UTC().Truncate(time.Microsecond) }

// page is a page of the console. Read returns the data for the template.
type page struct {
	template string
	heading  string
	section  string // the entry of the navigation
	offers   []Action
	read     func(ctx context.Context, q query) (any, error)
}

// routes lists the pages by path.
func (c *console) routes() map[string]page {
	return map[string]page{
		"":         {"overview", "Overview", "overview", []Action{Sweep}, c.readOverview},
		"products": {"products", "Products", "products", nil, c.readProducts},
		"product":  {"product", "Product", "products", nil, c.readProduct},
		"ledger":   {"ledger", "Ledger", "products", nil, c.readLedger},
		"queue":    {"queue", "Queue", "products", nil, c.readQueue},
		"batch":    {"batch", "Batch", "lots", nil, c.readBatch},
		"lots":     {"lots", "Lots and batches", "lots", nil, c.readLots},
		"lot":      {"lot", "Lot", "lots", nil, c.readLot},
		"orders":   {"orders", "Orders", "orders", nil, c.readOrders},
		"order":    {"order", "Order", "orders", nil, c.readOrder},
		"due":      {"due", "Due", "due", []Action{Sweep}, c.readDue},
		"outbox":   {"outbox", "Outbox", "outbox", []Action{Retry, Skip}, c.readOutbox},
	}
}
