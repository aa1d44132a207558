package storetest

import (
	"math/rand/v2"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var anyViewRows = []row{
	{"every later query sees a commit",
		"a customer who doesn't see a new order would order again", viewsSeen},
	{"no query sees a failed commit",
		"the page would show units that nobody was promised", viewsFailed},
	{"a result belongs to one moment, even during commits",
		"half of a commit shows units twice, or not at all", viewsMoment},
	{"results share no memory with the store or with each other",
		"a page may sort, cut and change its result", viewsCopies},
	{"a nil context is refused, and an ended context returns its error",
		"an empty result would be taken for an empty shelf", viewsContexts},
	{"invalid identifiers are refused as invalid",
		"identifiers come from a page's address, and an empty result would hide the mistake (R12)", viewsInvalid},
}

// watchedShop runs commands of all kinds, the same commands in every run, and calls look after every 15 commands. Some
// batches have the same ETA, and some holds have lapsed.
func (b *bench) watchedShop(observer func(now time.Time, t shopData)) {
	b.Helper()
	s := b.open(3)
	random := rand.New(rand.NewPCG(2, 7))
	t := shopData{
		skus: []allocation.SKU{"apple", "pear"}, orders: named[allocation.OrderID]("o", 12),
		refs: named[allocation.BatchRef]("b", 12),
	}
	for i, ref := range t.refs {
		batch := stock(ref, allocation.Quantity(2+random.IntN(12)))
		if i >= 4 {
			batch.ETA = minute(40 + 20*(i/4))
		}
		s.add(t.skus[i%2], batch)
	}
	for i := range 90 {
		s.now = s.now.Add(time.Minute)
		if i%3 == 2 {
			if _, err := s.service.Ship(b.Context(), pick(random, t.orders)); !allowed(err) {
				b.fatalf("Ship failed: %v", err)
			}
		}
		if err := s.step(random, t); !allowed(err) {
			b.fatalf("a random command failed: %v", err)
		}
		if i%15 == 14 {
			observer(s.now, t)
		}
	}
}

// agreeViews checks that all views agree with loads and with the model.
func (b *bench) agreeViews(t shopData) {
	b.Helper()
	if _, able := ability[views.OrderReader](b); able {
		for _, order := range t.orders {
			b.agreeOrder(order)
		}
	}
	if _, able := ability[views.StockReader](b); able {
		b.agreeStock(minute(5), t.skus...)
	}
	if _, able := ability[views.BatchReader](b); able {
		for _, sku := range t.skus {
			b.agreeBatches(minute(5), sku, t.refs)
		}
	}
	if _, able := ability[views.LineReader](b); able {
		for _, ref := range t.refs {
			b.agreeLines(ref)
		}
	}
}

func viewsSeen(b *bench) {
	t := shopData{
		skus: []allocation.SKU{"apple"}, orders: named[allocation.OrderID]("o", 4),
		refs: named[allocation.BatchRef]("a", 3),
	}
	b.announce("apple", stock("a1", 3), shipment("a2", 9, minute(60)))
	b.agreeViews(t)
	for _, decide := range []func() allocation.Changes{
		func() allocation.Changes { return b.allocation("apple", firm("o1", 3), split("o2", 2)) },
		func() allocation.Changes { return b.allocation("apple", held("o3", 4, minute(5))) },
		func() allocation.Changes { return checkOnly(b.state(of("apple"))) },
		func() allocation.Changes { return b.resize("apple", "o2", 1) },
		func() allocation.Changes { return b.cancellation("apple", "o1") },
		func() allocation.Changes {
			return b.decide(ofBatch("a2"), func(p *allocation.Product) error {
				batch := allocation.Batch{Ref: "a3", SKU: "apple", Purchased: 4, ETA: minute(90)}
				if err := p.AddBatch(batch, noon); err != nil {
					return err
				}
				_, err := p.ReceiveBatch(allocation.Count{Batch: "a2", Quantity: 8, At: noon}, noon, nil)
				return err
			})
		},
	} {
		b.commit(decide())
		b.agreeViews(t)
	}
	b.ship("apple", "o2", 1)
	b.agreeViews(t)
}

func viewsFailed(b *bench) {
	t := shopData{
		skus: []allocation.SKU{"apple", "pear", "plum"}, orders: []allocation.OrderID{"old", "grows", "new"},
		refs: []allocation.BatchRef{"b0", "b1", "new0", "new1"},
	}
	for i, sku := range t.skus[:2] {
		b.announce(sku, stock(t.refs[i], 10))
		b.allocate(sku, firm("old", 1), split("grows", 1))
	}
	before := b.results(minute(5), t)
	for fails := range 2 {
		for target, spoil := range map[error]func(c *allocation.Changes){
			allocation.ErrConflict: func(c *allocation.Changes) { c.Read, c.Version = c.Read-1, c.Version-1 },
			allocation.ErrDuplicate: func(c *allocation.Changes) {
				c.NewBatches = append(c.NewBatches, announcedAs(c.SKU, stock("b0", 1)))
			},
		} {
			changes := []allocation.Changes{
				b.busyChanges("apple", 0), b.busyChanges("pear", 1), b.product("plum", stock("x", 1)).Changes(),
			}
			spoil(&changes[fails])
			b.wantError(b.try(changes...), target, "Commit of %s", shownChanges(changes))
			if d := difference(b.results(minute(5), t), before); d != "" {
				b.errorf("views show a failed commit (%v):%s", target, d)
			}
		}
	}
}
