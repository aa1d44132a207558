package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// process is a client and those that took its place after it was killed. It belongs to one goroutine.
type process struct {
	job    job
	cmd    *exec.Cmd
	alive  io.Closer // the client ends when this is closed
	stderr bytes.Buffer
}

// start starts the client, which is this very program.
func (p *process) start(ctx context.Context) error {
	job, err := json.Marshal(p.job)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), program)
	p.cmd.Env = append(os.Environ(), jobVariable+"="+string(job))
	p.cmd.Stderr = &p.stderr
	if p.alive, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	p.job.Start++
	return p.cmd.Start()
}

// kill ends the client with SIGKILL. The error is that of one that had ended before, in another way than it should.
func (p *process) kill() error {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()
	if code := p.cmd.ProcessState.ExitCode(); code > 0 {
		return p.failure()
	}
	return nil
}

// wait waits until the client ends by itself, or ends it with the context.
func (p *process) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = p.alive.Close() })
	defer stop()
	if err := p.cmd.Wait(); err != nil {
		return errors.Join(ctx.Err(), p.failure())
	}
	return nil
}

func (p *process) failure() error {
	return fmt.Errorf("client %d: %s\n%s", p.job.Process, p.cmd.ProcessState, p.stderr.String())
}
