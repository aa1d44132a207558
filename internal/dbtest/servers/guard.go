package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// A guard ends what is left of a private server and removes its folder, as soon as nobody holds the other end of its
// pipe. That end belongs to this process, so even SIGKILL closes it; the parent-death signal of Linux would do that
// too, but follows a thread, reaches neither the server's own children nor the folder, and is not to be had elsewhere.
type guard struct {
	folder  string
	account *account
	cmd     *exec.Cmd
	pipe    *os.File
}

// keep is the guard's script. Each line it reads is the process group that runs now, or empty for none.
// Only a group that is known to it is ever started, see command, so there is no moment at which one could escape.
const keep = `signal=$1 folder=$2
while read -r line; do group=$line; done
if [ -n "$group" ]; then
	kill -s "$signal" -- "-$group"
	tries=0
	while kill -s 0 -- "-$group" && [ "$tries" -lt 1000 ]; do
		tries=$((tries + 1))
		[ "$tries" -ne 500 ] || kill -s KILL -- "-$group"
		sleep 0.02
	done
fi
# The shared memory of a PostgreSQL that was killed: the second number of the seventh line.
memory=$(sed -n '7s/.* //p' "$folder/data/postmaster.pid") && [ -n "$memory" ] && ipcrm -m "$memory"
# What was setting up the data may have made another file in the meantime.
for try in 1 2 3 4 5; do rm -rf "$folder" && exit 0; sleep 0.2; done
exit 1`

// announce tells the guard its own process id, which is that of its group, and becomes the command.
const announce = `echo $$ >&3 && exec "$@" 3>&-`

// newGuard starts a guard for a folder, which must exist.
func newGuard(ctx context.Context, folder, signal string, a *account) (*guard, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	g := &guard{folder: folder, account: a, pipe: write}
	// The guard runs as this process's user: the server's account might not be allowed to remove the folder.
	g.cmd = isolated(ctx, nil, "-c", keep, "sh", signal, folder)
	g.cmd.Stdin = read
	g.cmd.Dir = "/" // not in the folder that it removes
	if err := g.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the guard: %w", err), write.Close())
	}
	return g, nil
}

// command is a command that the guard ends.
func (g *guard) command(ctx context.Context, argv []string) *exec.Cmd {
	cmd := isolated(ctx, g.account, append([]string{"-c", announce, "sh"}, argv...)...)
	cmd.ExtraFiles = []*os.File{g.pipe}
	cmd.Dir = g.folder
	return cmd
}

// isolated is a shell outside of our process group, so that an interrupt from the keyboard reaches it through us only,
// and with an environment that says nothing of other servers. It is not bound to the context's end.
func isolated(ctx context.Context, a *account, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "sh", args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	isolate(cmd, a)
	return cmd
}

// ended tells the guard that the last command has ended, before its process id can belong to another one.
func (g *guard) ended() error {
	_, err := fmt.Fprintln(g.pipe)
	return err
}

// release lets the guard do its work and waits for it. running is the command that still runs, or nil: its parent
// has to take note of its end.
func (g *guard) release(running *exec.Cmd) error {
	err := g.pipe.Close()
	if running != nil {
		_ = running.Wait() // it was ended by a signal
	}
	if failed := g.cmd.Wait(); failed != nil && err == nil {
		err = fmt.Errorf("remove %s: %w", g.folder, failed)
	}
	return err
}
