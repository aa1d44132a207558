package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// telephones is how many callers an office serves at the same time.
const telephones = 32

// officeSettings is a drop as seen by an office. The office serves every caller whose number leaves the remainder
// Number.
type officeSettings struct {
	Drop   drop `json:"drop"`
	Number int  `json:"number"`
}

// books are what an office told callers.
type books struct {
	Called  int   `json:"called"`
	Refused int   `json:"refused"` // too few seats, and the caller didn't want to wait
	Paid    int   `json:"paid"`
	Seats   int64 `json:"seats"`    // of the callers who paid
	TooLate int   `json:"too_late"` // callers who wanted to pay after the offer had lapsed
	Left    int   `json:"left"`     // callers who gave their seats back, or stopped waiting
}

// add adds the books of another office.
func (b *books) add(other books) {
	b.Called += other.Called
	b.Refused += other.Refused
	b.Paid += other.Paid
	b.Seats += other.Seats
	b.TooLate += other.TooLate
	b.Left += other.Left
}

// office is a box office.
type office struct {
	concert allocation.SKU
	service *allocation.Service
	ledger  allocation.Ledger
	minute  atomic.Int64 // the clock

	callers map[allocation.OrderID]caller // of this office
	agenda  map[int][]task                // the callers' tasks, by minute
	offered map[allocation.OrderID]bool   // callers who were offered seats
	read    int64                         // number of the last event that the office has read

	mu     sync.Mutex                  // guards the rest, and agenda, while the telephones ring
	hungUp map[allocation.OrderID]bool // callers who stopped waiting
	books
}

// task is something that a caller does.
type task struct {
	caller caller
	do     func(ctx context.Context, c caller) error
}

// officeProcess is the whole life of an office: for each minute that comes in, the office does the work of the minute
// and answers with the books. The end of the input ends the office.
func officeProcess(ctx context.Context, settings string, in io.Reader, out, stderr io.Writer) int {
	if err := officeLife(ctx, settings, json.NewDecoder(in), json.NewEncoder(out)); err != nil {
		fmt.Fprintf(stderr, "tickets: office: %v\n", err)
		return 1
	}
	return 0
}

func officeLife(ctx context.Context, settings string, in *json.Decoder, out *json.Encoder) (err error) {
	var s officeSettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		return err
	}
	store, closeStore, err := openStore(ctx, s.Drop)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	o, err := newOffice(store, s)
	if err != nil {
		return err
	}
	for {
		var minute int
		if err := in.Decode(&minute); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := o.work(ctx, minute); err != nil {
			return err
		}
		if err := out.Encode(o.books); err != nil {
			return err
		}
	}
}

// newOffice opens an office whose clock stands at minute 0.
func newOffice(store *sqlstore.Store, s officeSettings) (o *office, err error) {
	o = &office{
		concert: allocation.SKU(s.Drop.Concert), ledger: store,
		callers: map[allocation.OrderID]caller{}, agenda: map[int][]task{},
		offered: map[allocation.OrderID]bool{}, hungUp: map[allocation.OrderID]bool{},
	}
	now := func() time.Time { return at(int(o.minute.Load())) }
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: now})
	if o.service, err = allocation.New(units, nil); err != nil {
		return nil, err
	}
	for order, c := range callers(s.Drop.Callers) {
		if c.number%offices == s.Number {
			o.callers[order] = c
			o.agenda[c.calls] = append(o.agenda[c.calls], task{c, o.call})
		}
	}
	return o, nil
}

// work does the work of a minute. The callers come before the sweep, so that often a caller's command is the first to
// find that an offer has lapsed.
func (o *office) work(ctx context.Context, minute int) error {
	o.minute.Store(int64(minute))
	if err := o.readLedger(ctx, minute); err != nil {
		return fmt.Errorf("minute %d: read the ledger: %w", minute, err)
	}
	if err := o.serve(ctx, o.agenda[minute]); err != nil {
		return fmt.Errorf("minute %d: %w", minute, err)
	}
	delete(o.agenda, minute)
	err := untilDecided(func() error {
		_, err := o.service.Sweep(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("minute %d: %w", minute, err)
	}
	return nil
}

// readLedger reads the events since the last call. An offer to a caller of this office may have been made by a commit
// of the other office: whoever frees seats, the same commit offers the seats to the first in line.
func (o *office) readLedger(ctx context.Context, minute int) error {
	for {
		events, err := o.ledger.Events(ctx, o.concert, o.read, 1000)
		if err != nil || len(events) == 0 {
			return err
		}
		o.read += int64(len(events))
		for _, e := range events {
			if given, is := e.(allocation.LineAllocated); is {
				o.noteOffer(given, minute)
			}
		}
	}
}

// noteOffer notes when a caller of this office will answer an offer. A caller who stopped waiting in the minute of the
// offer has given the seats back already.
func (o *office) noteOffer(given allocation.LineAllocated, minute int) {
	c, mine := o.callers[given.OrderID]
	if !mine || o.hungUp[given.OrderID] {
		return
	}
	o.offered[given.OrderID] = true
	do := map[answer]func(context.Context, caller) error{pays: o.pay, paysLate: o.pay, gives: o.leave}[c.answer]
	if do != nil {
		then := max(minute, minuteOf(given.At)+c.after)
		o.agenda[then] = append(o.agenda[then], task{c, do})
	}
}

// serve does tasks of different callers at all telephones.
func (o *office) serve(ctx context.Context, tasks []task) error {
	queue := make(chan task, len(tasks))
	for _, t := range tasks {
		queue <- t
	}
	close(queue)
	var ringing sync.WaitGroup
	errs := make([]error, telephones)
	for i := range telephones {
		ringing.Go(func() {
			for t := range queue {
				if errs[i] = t.do(ctx, t.caller); errs[i] != nil {
					return
				}
			}
		})
	}
	ringing.Wait()
	return errors.Join(errs...)
}
