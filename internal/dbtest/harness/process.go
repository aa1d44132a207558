package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// Process is a process that a command has started, and after a kill the process that took its place. It belongs to one
// goroutine.
type Process struct {
	Name    string // in errors, such as "client 3"
	Command string // that the process works for, see [ChildOf]
	Job     any    // for the process, see [Live]; as JSON
	Program string // file; this very program by default

	In      io.WriteCloser // the process ends when this is closed
	Out     io.Reader
	Printed []string // errors, line by line; a line that a kill has cut off is left out

	cmd    *exec.Cmd
	stderr bytes.Buffer
}

// childVariable says in the environment of a process which command it works for, and jobVariable has its job. Nobody
// else can see the environment, and a job may have a password in it.
const (
	childVariable = "ALLOCATION_CHILD_OF"
	jobVariable   = "ALLOCATION_CHILD_JOB"
)

// Start starts the process. It doesn't end with the context, but with its input.
func (p *Process) Start(ctx context.Context) error {
	job, err := json.Marshal(p.Job)
	if err != nil {
		return err
	}
	program := p.Program
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return err
		}
	}
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), program)
	p.cmd.Env = append(os.Environ(), childVariable+"="+p.Command, jobVariable+"="+string(job))
	p.stderr.Reset()
	p.cmd.Stderr = &p.stderr
	if p.In, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	if p.Out, err = p.cmd.StdoutPipe(); err != nil {
		return err
	}
	return p.cmd.Start()
}

// Running says that the process was started and nobody has waited for its end.
func (p *Process) Running() bool {
	return p.cmd != nil && p.cmd.Process != nil && p.cmd.ProcessState == nil
}

// Kill ends the process with SIGKILL and waits for it. The error is that of a process that had failed before. To kill a
// process that is not running does nothing.
func (p *Process) Kill() error {
	if !p.Running() {
		return nil
	}
	p.signal()
	_ = p.cmd.Wait()
	p.keep()
	if p.cmd.ProcessState.ExitCode() > 0 {
		return p.Failure()
	}
	return nil
}

// signal may be called from any goroutine.
func (p *Process) signal() { _ = p.cmd.Process.Kill() } // the process may have ended

// KillAtEnd kills a running process as soon as the context ends, unless stop is called before. Wait and reads from Out
// then return.
func (p *Process) KillAtEnd(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, p.signal)
}

// Wait waits until the process ends by itself, or kills it at the end of the context. All of Out must have been read.
func (p *Process) Wait(ctx context.Context) error {
	stop := p.KillAtEnd(ctx)
	defer stop()
	err := p.cmd.Wait()
	p.keep()
	if err != nil {
		return errors.Join(ctx.Err(), p.Failure())
	}
	return nil
}

// keep notes what the process has printed.
func (p *Process) keep() {
	lines := bytes.Split(p.stderr.Bytes(), []byte("\n"))
	for _, line := range lines[:len(lines)-1] {
		p.Printed = append(p.Printed, string(line))
	}
}

// Exited says that the process ended by itself, and not by a signal.
func (p *Process) Exited() bool { return p.cmd.ProcessState.Exited() }

// Failure tells how the process ended, and what it printed.
func (p *Process) Failure() error {
	return fmt.Errorf("%s: %s\n%s", p.Name, p.cmd.ProcessState, p.stderr.String())
}

// ChildOf is the command for which another process has started this one, or "" if none has.
func ChildOf() string { return os.Getenv(childVariable) }

// Live is the whole life of a process that has a job, in terms of an exit code. The context of run ends when the input
// of the process does, which happens at the latest at the end of its parent; the process goes on for the overtime at
// most. Interrupts from the keyboard are the parent's to deal with.
func Live(job any, overtime time.Duration, run func(ctx context.Context) error) int {
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		stop()
		Rest(context.Background(), overtime)
		os.Exit(1)
	}()
	err := json.Unmarshal([]byte(os.Getenv(jobVariable)), job)
	if err == nil {
		err = run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
