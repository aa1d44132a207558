package yardstick

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// processor measures the processor time that a side takes from this process and from a PostgreSQL server, on Linux.
// Nothing is measured elsewhere, nor by a nil processor.
type processor struct {
	db     *sql.DB // no pool of a side
	name   string  // application_name of the side's sessions
	client time.Duration
	server time.Duration
	orders int
}

// tick is the unit of the times in /proc/PID/stat.
const tick = 10 * time.Millisecond

// during calls run, and adds the time that run took and the orders that it placed if they count.
func (p *processor) during(ctx context.Context, counts bool, run func() (harness.Slice, error)) (harness.Slice, error) {
	if p == nil || !counts {
		return run()
	}
	var sessions []string
	of := fmt.Sprintf(`SELECT CAST(pid AS text) FROM pg_stat_activity WHERE application_name = '%s'`, p.name)
	err := harness.Rows(ctx, p.db, of, func(rows *sql.Rows) error {
		sessions = append(sessions, "")
		return rows.Scan(&sessions[len(sessions)-1])
	})
	if err != nil {
		return harness.Slice{}, err
	}
	client, server := timeOfThis(), timeOf(sessions)
	got, err := run()
	p.client += timeOfThis() - client
	p.server += timeOf(sessions) - server
	p.orders += got.Done
	return got, err
}

// write prints a line, if anything was measured.
func (p *processor) write(out io.Writer, engine, side string) {
	if p == nil || p.orders == 0 || p.server == 0 {
		return
	}
	per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(p.orders) / 1000 }
	fmt.Fprintf(out, "processor %s %s: %.0f µs of the server and %.0f µs of the client for each order\n",
		engine, side, per(p.server), per(p.client))
}

// timeOf is the processor time of processes with one thread each; 0 where the system doesn't say.
func timeOf(processes []string) (sum time.Duration) {
	for _, id := range processes {
		content, _ := os.ReadFile("/proc/" + id + "/schedstat") // the process may have ended
		first, _, _ := strings.Cut(string(content), " ")
		taken, _ := strconv.ParseInt(first, 10, 64)
		sum += time.Duration(taken)
	}
	return sum
}

// timeOfThis is the processor time of this process with all threads; 0 where the system doesn't say.
func timeOfThis() (sum time.Duration) {
	content, _ := os.ReadFile("/proc/self/stat")
	_, behindName, _ := strings.Cut(string(content), ") ")
	fields := strings.Fields(behindName)
	if len(fields) < 13 {
		return 0
	}
	for _, text := range fields[11:13] { // in user mode and in the kernel
		ticks, _ := strconv.ParseInt(text, 10, 64)
		sum += time.Duration(ticks) * tick
	}
	return sum
}
