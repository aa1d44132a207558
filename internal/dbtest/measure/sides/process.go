package sides

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// commandName is the command that starts processes with a side.
const commandName = "yardstick"

// Live is the whole life of a process with a side, in terms of an exit code.
func Live() int {
	if err := Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is the parent's end of a process that runs [Serve].
type process struct {
	harness.Process
	out *json.Decoder
}

func (p *process) start(ctx context.Context) error {
	if err := p.Start(ctx); err != nil {
		return err
	}
	p.out = json.NewDecoder(p.Out)
	return nil
}

func (p *process) send(c Command) error {
	if err := json.NewEncoder(p.In).Encode(c); err != nil {
		return fmt.Errorf("send %s to %s: %w", c.Do, p.Name, err)
	}
	return nil
}

// receive waits for the answer to a command. The end of the context kills the process.
func (p *process) receive(ctx context.Context, c Command) (harness.Slice, error) {
	defer p.KillAtEnd(ctx)()
	var a answer
	if err := p.out.Decode(&a); err != nil {
		err = fmt.Errorf("%s gave no answer to %s: %w", p.Name, c.Do, err)
		return harness.Slice{}, errors.Join(ctx.Err(), err, p.Kill(), p.Failure())
	}
	if a.Error != "" {
		return a.Slice, errors.New(a.Error)
	}
	return a.Slice, nil
}

// Processes hold the same side of the same database.
type Processes []*process

// Start starts n processes of a program, "" for this very program, and opens their side. It returns none if one fails.
func Start(ctx context.Context, n int, open Command, program string) (Processes, error) {
	var all Processes
	for i := range n {
		p := &process{Process: harness.Process{Name: fmt.Sprint("side ", i), Command: commandName, Program: program}}
		if err := p.start(ctx); err != nil {
			all.End()
			return nil, err
		}
		all = append(all, p)
		if _, err := all.Ask(ctx, open); err != nil {
			all.End()
			return nil, err
		}
	}
	return all, nil
}

// Ask gives a command to the process that was started last.
func (all Processes) Ask(ctx context.Context, c Command) (harness.Slice, error) {
	last := all[len(all)-1]
	if err := last.send(c); err != nil {
		return harness.Slice{}, err
	}
	return last.receive(ctx, c)
}

// Do gives a command to all processes, which carry it out at the same time, and returns what each process did.
func (all Processes) Do(ctx context.Context, c Command) ([]harness.Slice, error) {
	orders := c.Orders
	for i, p := range all {
		c.Orders = fmt.Sprintf("%s-p%d", orders, i)
		if err := p.send(c); err != nil {
			return nil, err
		}
	}
	slices, errs := make([]harness.Slice, len(all)), make([]error, len(all))
	for i, p := range all {
		slices[i], errs[i] = p.receive(ctx, c)
	}
	return slices, errors.Join(errs...)
}

// End kills all processes. No process has work to finish, since every command was answered or has failed.
func (all Processes) End() {
	for _, p := range all {
		_ = p.Kill() // a failure was the answer to a command
	}
}
