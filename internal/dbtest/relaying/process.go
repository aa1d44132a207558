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
	"path/filepath"
)

// process is a relay and those that took its place after it was killed. It belongs to one goroutine.
type process struct {
	job      job
	profiles string // folder, "" for none
	cmd      *exec.Cmd
	alive    io.Closer // the relay ends when this is closed

	stdout, stderr bytes.Buffer // of this life
	logged         []string     // of those before
}

// start starts the relay, which is this very program.
func (p *process) start(ctx context.Context) error {
	if p.profiles != "" {
		p.job.Profile = filepath.Join(p.profiles, fmt.Sprintf("%s-relay-%d.pprof", p.job.Engine, p.job.Relay))
	}
	text, err := json.Marshal(p.job)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), program)
	p.cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	p.stdout.Reset()
	p.stderr.Reset()
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if p.alive, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	return p.cmd.Start()
}

// running says that nobody has waited for the relay's end.
func (p *process) running() bool {
	return p.cmd != nil && p.cmd.Process != nil && p.cmd.ProcessState == nil
}

// life is the present one.
func (p *process) life() life { return life{relay: p.job.Relay, number: p.job.Life} }

// kill ends the relay with SIGKILL. The error is that of one that had ended before, which none should.
func (p *process) kill() error {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()
	p.keepLog()
	p.job.Life++
	if p.cmd.ProcessState.Exited() {
		return p.failure()
	}
	return nil
}

// stop lets the relay end by itself, and returns what it did.
func (p *process) stop(ctx context.Context) (a account, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*overtime)
	defer cancel()
	if err := p.alive.Close(); err != nil {
		return a, err
	}
	interrupt := context.AfterFunc(ctx, func() { _ = p.cmd.Process.Kill() })
	defer interrupt()
	err = p.cmd.Wait()
	p.keepLog()
	if err != nil {
		return a, errors.Join(ctx.Err(), p.failure())
	}
	return a, json.Unmarshal(p.stdout.Bytes(), &a)
}

// keepLog takes the whole lines. SIGKILL may cut the last one off.
func (p *process) keepLog() {
	lines := bytes.Split(p.stderr.Bytes(), []byte("\n"))
	for _, line := range lines[:len(lines)-1] {
		p.logged = append(p.logged, string(line))
	}
}

func (p *process) failure() error {
	return fmt.Errorf("relay %d, life %d: %s\n%s", p.job.Relay, p.job.Life, p.cmd.ProcessState, p.stderr.String())
}
