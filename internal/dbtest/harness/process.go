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

// Process is a process started by a command; after a kill, Start can start a new one in its place. A Process is for
// one goroutine.
type Process struct {
	Name    string // in errors, such as "client 3"
	Command string // the name of the parent's command, see [ChildOf]
	Job     any    // for the process, see [Live]; as JSON
	Program string // file; this very program by default

	In      io.WriteCloser // the process ends when this is closed
	Out     io.Reader
	Printed []string // standard error, whole lines; a line cut off by a kill is left out

	cmd    *exec.Cmd
	stderr bytes.Buffer
}

// The environment of a process names the parent's command in childVariable and has the job in jobVariable. A job may
// hold a password; other users can't read the environment.
const (
	childVariable = "ALLOCATION_CHILD_OF"
	jobVariable   = "ALLOCATION_CHILD_JOB"
)

// Start starts the process. The process ends with its input; the end of the context doesn't end the process.
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

// Running reports whether the process was started and has not been waited for.
func (p *Process) Running() bool {
	return p.cmd != nil && p.cmd.Process != nil && p.cmd.ProcessState == nil
}

// Kill ends the process with SIGKILL and waits for the end. Kill returns an error if the process had failed before,
// and does nothing for a process that is not running.
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

// KillAtEnd kills a running process as soon as the context ends, unless stop is called before. Wait and reads from
// Out then return.
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

// keep adds the whole lines of standard error to Printed.
func (p *Process) keep() {
	lines := bytes.Split(p.stderr.Bytes(), []byte("\n"))
	for _, line := range lines[:len(lines)-1] {
		p.Printed = append(p.Printed, string(line))
	}
}

// Exited reports whether the process ended by itself, and not by a signal.
func (p *Process) Exited() bool { return p.cmd.ProcessState.Exited() }

// Failure is an error with the exit status of the process and the text of its standard error.
func (p *Process) Failure() error {
	return fmt.Errorf("%s: %s\n%s", p.Name, p.cmd.ProcessState, p.stderr.String())
}

// ChildOf is the name of the command that has started this process, or "".
func ChildOf() string { return os.Getenv(childVariable) }

// Live is the whole life of a process with a job; the result is the exit code. The context of run ends with the input
// of the process, at the latest when the parent ends. After that the process goes on for the overtime at most. The
// process ignores interrupts from the keyboard, because the parent deals with them.
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
