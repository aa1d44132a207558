package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// faulty is a store that is slow and fails now and then.
type faulty struct {
	*memory.Store
	mu sync.Mutex
	r  *rand.Rand
}

func (f *faulty) chance() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.r.IntN(320)
}

func (f *faulty) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	switch chance := f.chance(); {
	case chance < 8:
		return nil, allocation.ErrConflict
	case chance < 9:
		return nil, errBroken
	case chance < 80:
		defer func() { <-time.After(300 * time.Microsecond) }()
	}
	return f.Store.Load(ctx, q)
}

func (f *faulty) Commit(ctx context.Context, changes []allocation.Changes) error {
	switch chance := f.chance(); {
	case chance < 16:
		return allocation.ErrConflict
	case chance < 24:
		return errBroken
	case chance < 32:
		return allocation.ErrDuplicate
	case chance < 40:
		return allocation.ErrUnknownOutcome
	case chance < 48:
		if err := f.Store.Commit(ctx, changes); err != nil {
			return err
		}
		return allocation.ErrUnknownOutcome
	case chance < 200:
		<-time.After(200 * time.Microsecond)
	}
	return f.Store.Commit(ctx, changes)
}

// belief is the knowledge of a caller about one line.
type belief struct {
	quantity allocation.Quantity // zero if there is no line
	unknown  bool                // the outcome of the last command is unknown
}

// customer is a caller with orders of its own, who remembers the answers.
type customer struct {
	*rand.Rand
	t       *testing.T
	service *allocation.Service
	prefix  string
	lines   map[allocation.LineKey]*belief
}

func (c *customer) order() allocation.OrderID {
	return allocation.OrderID(fmt.Sprint(c.prefix, c.IntN(6)))
}

func (c *customer) line(order allocation.OrderID, sku allocation.SKU) *belief {
	key := allocation.LineKey{OrderID: order, SKU: sku}
	if c.lines[key] == nil {
		c.lines[key] = &belief{}
	}
	return c.lines[key]
}

// learn updates the belief about a line by one answer.
func (c *customer) learn(l *belief, quantity allocation.Quantity, err error) {
	if errors.Is(err, allocation.ErrUnknownOutcome) {
		l.unknown = true
	} else if err == nil {
		l.quantity, l.unknown = quantity, false
	}
}

func (c *customer) allocate(ctx context.Context) {
	order := c.order()
	var requests []allocation.Request
	for _, at := range c.Perm(len(stepSKUs))[:1+c.IntN(3)*c.IntN(2)] {
		requests = append(requests, want(order, stepSKUs[at], allocation.Quantity(1+c.IntN(2))))
	}
	given, err := c.service.Allocate(ctx, requests...)
	c.answered(requests, given, err)
}

func (c *customer) allocateEach(ctx context.Context) {
	var orders [][]allocation.Request
	for range 1 + c.IntN(4) {
		orders = append(orders, []allocation.Request{want(c.order(), stepSKUs[c.IntN(len(stepSKUs))], 1)})
	}
	given, errs := c.service.AllocateEach(ctx, orders)
	for i, requests := range orders {
		c.answered(requests, given[i], errs[i])
	}
}

// answered checks the answer to an order: an existing line has its old quantity.
func (c *customer) answered(requests []allocation.Request, given []allocation.Allocation, err error) {
	for i, r := range requests {
		l := c.line(r.OrderID, r.SKU)
		kept := l.quantity == 0 || l.quantity == r.Quantity
		if err == nil {
			assert.Equal(c.t, r.OrderLine, given[i].OrderLine, "the answer")
			assert.True(c.t, l.unknown || kept,
				"%s of %s had %d, and %d were given", r.OrderID, r.SKU, l.quantity, r.Quantity)
		} else if errors.Is(err, allocation.ErrMismatch) && len(requests) == 1 {
			assert.True(c.t, l.unknown || !kept,
				"%s of %s has %d, and %d are a mismatch", r.OrderID, r.SKU, l.quantity, r.Quantity)
		}
		c.learn(l, r.Quantity, err)
	}
}

// found checks whether the line looked for by a command existed.
func (c *customer) found(l *belief, err error) {
	if !l.unknown && err == nil {
		assert.NotZero(c.t, l.quantity, "a line was found that isn't there")
	} else if !l.unknown && errors.Is(err, allocation.ErrNotFound) {
		assert.Zero(c.t, l.quantity, "a line was not found")
	}
}

func (c *customer) changeLine(ctx context.Context) {
	line := want(c.order(), stepSKUs[c.IntN(len(stepSKUs))], allocation.Quantity(1+c.IntN(3))).OrderLine
	_, err := c.service.ChangeLine(ctx, line)
	l := c.line(line.OrderID, line.SKU)
	c.found(l, err)
	c.learn(l, line.Quantity, err)
}

func (c *customer) cancelLine(ctx context.Context) {
	order, sku := c.order(), stepSKUs[c.IntN(len(stepSKUs))]
	_, err := c.service.Cancel(ctx, order, sku)
	l := c.line(order, sku)
	c.found(l, err)
	c.cancelled(l, err)
}

// cancelOrder takes back lines that an abandoned commit may still place.
func (c *customer) cancelOrder(ctx context.Context) {
	order := c.order()
	_, err := c.service.Cancel(ctx, order)
	for _, sku := range stepSKUs {
		l := c.line(order, sku)
		if err != nil {
			c.found(l, err)
		}
		c.cancelled(l, err)
	}
}

func (c *customer) cancelled(l *belief, err error) {
	if errors.Is(err, allocation.ErrNotFound) {
		err = nil // no line is left either way
	}
	c.learn(l, 0, err)
}

// shop makes some calls, and leaves one call in five before the answer.
func (c *customer) shop(calls int) {
	commands := []func(context.Context){
		c.allocate, c.allocate, c.allocate, c.allocate, c.allocateEach, c.changeLine, c.cancelLine, c.cancelOrder,
	}
	for range calls {
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), customerKey{}, c.prefix))
		if c.IntN(5) == 0 {
			ctx, cancel = context.WithTimeout(ctx, time.Duration(c.IntN(800))*time.Microsecond)
		}
		commands[c.IntN(len(commands))](ctx)
		cancel()
	}
}

type customerKey struct{}

// ownEvents demands that callers get events of their own orders only.
func ownEvents(t *testing.T) func(context.Context, []allocation.Event) {
	t.Helper()
	return func(ctx context.Context, events []allocation.Event) {
		for _, e := range events {
			var order allocation.OrderID
			switch e := e.(type) {
			case allocation.LineAllocated:
				order = e.OrderID
			case allocation.LineDeallocated:
				order = e.OrderID
			}
			prefix := ctx.Value(customerKey{}).(string)
			assert.True(t, order == "" || strings.HasPrefix(string(order), prefix),
				"%s got an event of %s", prefix, order)
		}
	}
}

// Many callers work on few products of a store that fails now and then. In the end the lines agree
// with the known answers of each caller, and the store's counters, lines and events agree.
func TestAnswersAgreeWithTheStore(t *testing.T) {
	for seed := range rounds(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memory.New()
				for _, sku := range stepSKUs {
					require.NoError(t, store.Seed(stock(allocation.BatchRef("b"+sku), sku, 150),
						stock(allocation.BatchRef("c"+sku), sku, 150)))
				}
				bad := &faulty{Store: store, r: rand.New(rand.NewPCG(seed, 9))}
				service := serve(t, bad, settings{units: allocation.UnitOfWorkOptions{Committed: ownEvents(t)}})
				var done sync.WaitGroup
				customers := make([]*customer, 24)
				for i := range customers {
					customers[i] = &customer{
						Rand: rand.New(rand.NewPCG(seed, 100+uint64(i))), t: t, service: service,
						prefix: fmt.Sprintf("p%02d-", i), lines: map[allocation.LineKey]*belief{},
					}
					done.Go(func() { customers[i].shop(120) })
				}
				done.Wait()
				synctest.Wait() // for the commits without callers
				there := map[allocation.LineKey]allocation.Quantity{}
				for _, sku := range stepSKUs {
					state, _ := store.Product(sku)
					for _, l := range state.Lines {
						there[l.Key()] = l.Quantity
					}
				}
				for _, c := range customers {
					for key, l := range c.lines {
						assert.True(t, l.unknown || there[key] == l.quantity,
							"%s of %s: %d are there, not %d", key.OrderID, key.SKU, there[key], l.quantity)
					}
				}
				sameProducts(t, store, store, "at the end")
			})
		})
	}
}
