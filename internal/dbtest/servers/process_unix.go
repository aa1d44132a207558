//go:build unix

package servers

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// An account of the system that runs a server in our place.
type account struct{ user, group int }

// stranger is the first of the accounts that exists, if we are root, and nil otherwise: then we run the server.
func stranger(names []string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range names {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(found.Uid)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.Atoi(found.Gid)
		return &account{user: uid, group: gid}, err
	}
	return nil, fmt.Errorf("no account %s, and a server should not run as root", strings.Join(names, " or "))
}

// isolate gives a command a process group of its own and, unless it is nil, an account.
func isolate(cmd *exec.Cmd, a *account) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.user), Gid: uint32(a.group)}
	}
}

// crash ends a process and its children with SIGKILL, without a moment in which one could react to another's end.
// It returns when they are gone. Where there is no /proc, the children are left to find out by themselves.
func crash(cmd *exec.Cmd) error {
	pid := cmd.Process.Pid
	// A stopped parent neither forks nor sees its children die, and they keep their ids until it does.
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	stopped := func() bool { p, ok := process(pid); return !ok || p.state == 'T' || p.dead() }
	if !eventually(stopped) {
		return fmt.Errorf("process %d does not stop", pid)
	}
	children := childrenOf(pid)
	for _, child := range children {
		_ = syscall.Kill(child.pid, syscall.SIGKILL) // it may have ended already
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL) // grandchildren too, unless they have a group of their own
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait() // says that it was killed
	for _, child := range children {
		gone := func() bool { p, ok := process(child.pid); return !ok || p.start != child.start || p.dead() }
		if !eventually(gone) {
			return fmt.Errorf("process %d survives SIGKILL", child.pid)
		}
	}
	return nil
}

// exited says that a command that nobody has waited for has ended. Without /proc it doesn't know, and says no.
func exited(cmd *exec.Cmd) bool {
	p, ok := process(cmd.Process.Pid)
	return ok && p.dead()
}

// A status is what /proc tells of a process. The id is given to another one later, the id and the start are not.
type status struct {
	pid, parent int
	state       byte
	start       string // ticks of the system's clock
}

// dead says that the process has ended, and at most waits for its parent to notice.
func (s status) dead() bool { return s.state == 'Z' || s.state == 'X' }

func process(pid int) (status, bool) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return status{}, false
	}
	// The name of the program, in brackets, may hold anything. Behind it: state, parent, 17 others, start.
	text := string(content)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return status{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	return status{pid: pid, parent: parent, state: fields[0][0], start: fields[19]}, err == nil
}

func childrenOf(parent int) []status {
	var children []status
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, entry := range entries {
		pid, err := strconv.Atoi(filepath.Base(entry))
		if err != nil {
			continue
		}
		if p, ok := process(pid); ok && p.parent == parent {
			children = append(children, p)
		}
	}
	return children
}

// eventually waits, at most ten seconds, until something holds.
func eventually(holds func() bool) bool {
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
}
