//go:build !unix

package servers

import (
	"errors"
	"os/exec"
)

// Private servers are for Unix. Elsewhere no program is found, so that nothing of this runs; the environment can
// still name a server.

type account struct{ user, group int }

func stranger([]string) (*account, error) { return nil, errors.ErrUnsupported }

func isolate(*exec.Cmd, *account) {}

func crash(*exec.Cmd) error { return errors.ErrUnsupported }

func exited(*exec.Cmd) bool { return false }
