package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// officeVariable makes the program an office: the value is the JSON of officeSettings.
const officeVariable = "TICKETS_OFFICE"

// offices is how many processes sell.
const offices = 2

// drop is what the user can choose.
type drop struct {
	Seats   int64  `json:"seats"`
	Callers int    `json:"callers"`
	Concert string `json:"concert"`
	DSN     string `json:"dsn"`
	File    string `json:"file"`
}

// check refuses settings that make no drop.
func (d drop) check(further []string) error {
	switch {
	case len(further) > 0:
		return fmt.Errorf("unexpected argument %q", further[0])
	case d.Seats < 1 || d.Callers < 1:
		return errors.New("a drop needs seats and callers")
	case d.DSN != "" && d.File != "":
		return errors.New("either -dsn or -file, not both")
	}
	return allocation.SKU(d.Concert).Validate()
}

// play announces the seats, lets the offices sell until the last offer has ended, and prints the report.
func (d drop) play(ctx context.Context, stdout, stderr io.Writer) (err error) {
	stderr = &console{out: stderr}
	store, closeStore, err := openStore(ctx, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	service, err := d.announce(ctx, store)
	if err != nil {
		return err
	}
	said, err := d.sell(ctx, stderr)
	if err != nil {
		return err
	}
	fmt.Fprintln(stderr, "reading the ledger")
	a := audit{drop: d, store: store, service: service, said: said}
	return a.report(ctx, stdout)
}

// announce opens the sale.
func (d drop) announce(ctx context.Context, store *sqlstore.Store) (*allocation.Service, error) {
	concert := allocation.SKU(d.Concert)
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: func() time.Time { return opening }})
	service, err := allocation.New(units, nil)
	if err != nil {
		return nil, err
	}
	past, err := store.Events(ctx, concert, 0, 1)
	if err != nil {
		return nil, err
	}
	if len(past) > 0 {
		return nil, fmt.Errorf("the tickets of %q were sold before; -concert names another concert", concert)
	}
	hall := allocation.Batch{Ref: hallOf(concert), SKU: concert, Purchased: allocation.Quantity(d.Seats)}
	return service, service.AddBatch(ctx, hall)
}

// hallOf names the batch of a concert's seats.
func hallOf(concert allocation.SKU) allocation.BatchRef {
	return allocation.BatchRef(concert + "/hall")
}

// sell runs the offices, minute by minute, and returns what all of them told callers.
func (d drop) sell(ctx context.Context, stderr io.Writer) (said books, err error) {
	var open [offices]*branch
	defer func() {
		for _, b := range open {
			if b != nil {
				err = errors.Join(err, b.close())
			}
		}
	}()
	for i := range open {
		if open[i], err = d.openBranch(ctx, i, stderr); err != nil {
			return said, err
		}
	}
	for minute := range over + 1 {
		if said, err = turn(open[:], minute); err != nil {
			return said, err
		}
		if minute < rush || minute%10 == 0 {
			fmt.Fprintf(stderr, "minute %3d: %d of %d called, %d seats paid\n",
				minute, said.Called, d.Callers, said.Seats)
		}
	}
	return said, nil
}

// turn gives a minute to all offices at once, and returns the sum of the books when all have done their work.
func turn(open []*branch, minute int) (said books, err error) {
	for _, b := range open {
		if err := b.in.Encode(minute); err != nil {
			return said, err
		}
	}
	for _, b := range open {
		var of books
		if err := b.out.Decode(&of); err != nil {
			return said, fmt.Errorf("an office has closed: %w", err)
		}
		said.add(of)
	}
	return said, nil
}

// branch is the process of an office.
type branch struct {
	process *exec.Cmd
	pipe    io.Closer
	in      *json.Encoder
	out     *json.Decoder
}

// openBranch runs this program once more, as an office.
func (d drop) openBranch(ctx context.Context, number int, stderr io.Writer) (*branch, error) {
	settings, err := json.Marshal(officeSettings{Drop: d, Number: number})
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	process := exec.CommandContext(ctx, self)
	process.Env = append(os.Environ(), officeVariable+"="+string(settings))
	process.Stderr = stderr
	in, err := process.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	return &branch{process, in, json.NewEncoder(in), json.NewDecoder(out)}, nil
}

// close ends the input of the office, and waits for the end of the process.
func (b *branch) close() error { return errors.Join(b.pipe.Close(), b.process.Wait()) }

// console is the standard error of this process and of the offices, line by line.
type console struct {
	mu  sync.Mutex
	out io.Writer
}

func (c *console) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(text)
}
