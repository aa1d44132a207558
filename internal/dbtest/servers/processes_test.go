package servers_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// needProcesses skips a test that looks processes up, if there are no servers or no /proc.
func needProcesses(t *testing.T, engine *servers.Engine) {
	t.Helper()
	servers.Shared(t, engine)
	if runtime.GOOS != "linux" {
		t.Skip("processes are looked up in /proc, which is Linux's")
	}
}

// processesIn are those whose working folder is in folder, as that of a server and of each of its children is, or
// whose command line names it, as that of its guard does.
func processesIn(folder string) []int {
	var found []int
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, entry := range entries {
		pid, _ := strconv.Atoi(filepath.Base(entry))
		workingFolder, _ := os.Readlink(filepath.Join(entry, "cwd"))
		commandLine, _ := os.ReadFile(filepath.Join(entry, "cmdline"))
		inside := strings.HasPrefix(workingFolder, folder+"/") || strings.Contains(string(commandLine), folder+"/")
		if pid != os.Getpid() && inside {
			found = append(found, pid)
		}
	}
	return found
}

// alive says that a process exists and is more than an entry that its parent has not read.
func alive(pid int) bool {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(content), ") Z ")
}

func anyAlive(pids []int) bool {
	return slices.ContainsFunc(pids, alive)
}

// foldersIn are the servers' folders in temp.
func foldersIn(t *testing.T, temp string) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(temp, "allocation-*"))
	require.NoError(t, err)
	return folders
}

// openTemp is a temporary folder in which every account of the system may work, unlike in that of t.TempDir.
func openTemp(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "servers-test-") //nolint:usetesting // another user runs the server, see above
	require.NoError(t, err)
	require.NoError(t, os.Chmod(folder, 0o755))
	t.Cleanup(func() { require.NoError(t, os.Remove(folder), "the folder has to be empty") })
	return folder
}

// segmentOf is the segment of System V shared memory that the server in temp uses: PostgreSQL has one, and says so in
// its data folder.
func segmentOf(t *testing.T, temp string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(temp, "*", "data", "postmaster.pid"))
	require.NoError(t, err)
	if len(files) == 0 {
		return "none"
	}
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	segment := strings.Fields(strings.Split(string(content), "\n")[6])[1]
	require.Contains(t, segments(t), segment)
	return segment
}

// segments are the segments that exist on the machine.
func segments(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile("/proc/sysvipc/shm")
	require.NoError(t, err)
	var ids []string
	for line := range strings.Lines(string(content)) {
		ids = append(ids, strings.Fields(line)[1])
	}
	return ids
}
