package sides

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Process is the parent's end of a process that runs [Serve].
type Process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// Start starts a process, which prints its errors on this one's standard error.
func Start(ctx context.Context, program string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(out)
	return p, p.cmd.Start()
}

// Ask gives a command to a process and waits for the answer.
func (p *Process) Ask(c Command) (Slice, error) {
	if err := p.send(c); err != nil {
		return Slice{}, err
	}
	return p.receive(c)
}

func (p *Process) send(c Command) error {
	if err := json.NewEncoder(p.in).Encode(c); err != nil {
		return fmt.Errorf("send %s to a process: %w", c.Do, err)
	}
	return nil
}

func (p *Process) receive(c Command) (Slice, error) {
	var a answer
	if err := p.out.Decode(&a); err != nil {
		return Slice{}, fmt.Errorf("a process gave no answer to %s: %w", c.Do, err)
	}
	if a.Error != "" {
		return a.Slice, errors.New(a.Error)
	}
	return a.Slice, nil
}

// End lets a process end and waits for it. A process that is busy finishes its command first.
func (p *Process) End() {
	_ = p.in.Close()
	_ = p.cmd.Wait() // a failure was the answer to a command, or it is no longer of interest
}

// Processes hold the same side of the same database.
type Processes []*Process

// StartAll starts n processes of a program and opens their side. It returns none if one of them fails.
func StartAll(ctx context.Context, n int, open Command, program string, args ...string) (Processes, error) {
	var all Processes
	for range n {
		p, err := Start(ctx, program, args...)
		if err != nil {
			all.End()
			return nil, err
		}
		all = append(all, p)
	}
	for _, p := range all {
		if _, err := p.Ask(open); err != nil {
			all.End()
			return nil, err
		}
	}
	return all, nil
}

// Do gives a command to all processes, which carry it out at the same time, and returns what each process did.
func (all Processes) Do(c Command) ([]Slice, error) {
	orders := c.Orders
	for i, p := range all {
		c.Orders = fmt.Sprintf("%s-p%d", orders, i)
		if err := p.send(c); err != nil {
			return nil, err
		}
	}
	slices, errs := make([]Slice, len(all)), make([]error, len(all))
	for i, p := range all {
		slices[i], errs[i] = p.receive(c)
	}
	return slices, errors.Join(errs...)
}

// End ends all processes.
func (all Processes) End() {
	for _, p := range all {
		p.End()
	}
}
