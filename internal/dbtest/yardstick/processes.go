package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/measure"
)

// share is what one of several processes is told to do.
type share struct {
	Engine, DSN string
	Kind        string
	Connections int
	Callers     int
	Name        string
	For         time.Duration
}

var oneShared = workload{name: "processes", callers: 64, skus: 1}

// partake is such a process: it warms up, says so, waits for the word, works and prints what it did.
func partake(ctx context.Context, told string, in io.Reader, out io.Writer) error {
	var s share
	if err := json.Unmarshal([]byte(told), &s); err != nil {
		return err
	}
	for _, e := range measure.Engines {
		if e.Name != s.Engine {
			continue
		}
		at := &place{&measure.Place{Engine: e}}
		who, db, err := at.open(ctx, s.DSN, sideName{s.Kind, s.Connections})
		if err != nil {
			return err
		}
		defer db.Close()
		w := oneShared
		w.callers = s.Callers
		if _, err := run(ctx, who, w, s.Name+"-warm", s.For/5); err != nil {
			return err
		}
		fmt.Fprintln(out, "ready")
		if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
			return err
		}
		got, err := run(ctx, who, w, s.Name, s.For)
		return errors.Join(err, json.NewEncoder(out).Encode(got))
	}
	return fmt.Errorf("there is no engine %q", s.Engine)
}

// processes lets several processes with many callers each want one SKU, and one process by itself.
func (p *place) processes(ctx context.Context, s size, dsn string, out io.Writer) error {
	if err := p.stock(ctx, dsn, []string{oneShared.sku(0)}, plenty); err != nil {
		return err
	}
	together, alone := map[string][]slice{}, map[string][]slice{}
	var ratios []float64
	worst := 1.0 // of the library's shares
	for round := range min(3, s.rounds) {
		for _, kind := range []string{"library", "single"} {
			name := fmt.Sprintf("%s-%d", kind, round)
			one, err := p.children(ctx, 1, share{p.Name, dsn, kind, 64, oneShared.callers, name + "-alone", s.shared})
			if err != nil {
				return err
			}
			all, err := p.children(ctx, s.processes, share{p.Name, dsn, kind, 64, oneShared.callers, name, s.shared})
			if err != nil {
				return err
			}
			sum := slice{}
			for _, part := range all {
				sum.Done, sum.Failed, sum.Took = sum.Done+part.Done, sum.Failed+part.Failed, max(sum.Took, part.Took)
				sum.Latencies = append(sum.Latencies, part.Latencies...)
			}
			for _, part := range all {
				if kind == "library" {
					worst = min(worst, float64(part.Done)*float64(len(all))/float64(sum.Done))
				}
			}
			together[kind], alone[kind] = append(together[kind], sum), append(alone[kind], one...)
		}
		ratios = append(ratios, together["library"][round].perSecond()/together["single"][round].perSecond())
	}
	fmt.Fprintf(out, "| one SKU, %d callers in each process | orders/s | p50 | p99 | failed |\n|---|---:|---:|---:|---:|\n", oneShared.callers)
	for _, kind := range []string{"library", "single"} {
		for i, slices := range [][]slice{alone[kind], together[kind]} {
			var latencies []time.Duration
			failed := 0
			for _, one := range slices {
				latencies, failed = append(latencies, one.Latencies...), failed+one.Failed
			}
			fmt.Fprintf(out, "| %s, %d processes | %.0f | %s | %s | %d |\n", kind, []int{1, s.processes}[i], measure.Median(speeds(slices)),
				measure.Milliseconds(measure.Quantile(latencies, 0.5)), measure.Milliseconds(measure.Quantile(latencies, 0.99)), failed)
		}
	}
	fmt.Fprintf(out, "\nthe smallest share of a process was %.2f of an even one\np99 of %d processes ÷ p99 of one, library: %.1f\nratio %s processes %.2f\n\n",
		worst, s.processes, tail(together["library"])/tail(alone["library"]), p.Name, measure.Median(ratios))
	return nil
}

// tail is the p99 of all slices, in seconds.
func tail(slices []slice) float64 {
	var latencies []time.Duration
	for _, one := range slices {
		latencies = append(latencies, one.Latencies...)
	}
	return measure.Quantile(latencies, 0.99).Seconds()
}

// children starts processes, lets them begin together, and collects what they did.
func (p *place) children(ctx context.Context, n int, s share) ([]slice, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	each := make([]*child, n)
	base := s.Name
	for i := range each {
		s.Name = fmt.Sprintf("%s-p%d", base, i)
		if each[i], err = start(ctx, program, s); err != nil {
			return nil, err
		}
		defer each[i].end()
	}
	for _, c := range each {
		if _, err := c.out.ReadString('\n'); err != nil {
			return nil, fmt.Errorf("a process did not get ready: %w", err)
		}
	}
	for _, c := range each {
		if _, err := io.WriteString(c.in, "go\n"); err != nil {
			return nil, err
		}
	}
	got := make([]slice, n)
	for i, c := range each {
		if err := json.NewDecoder(c.out).Decode(&got[i]); err != nil {
			return nil, fmt.Errorf("a process said nothing: %w", err)
		}
	}
	return got, nil
}

type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(ctx context.Context, program string, s share) (*child, error) {
	told, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.CommandContext(ctx, program, "-share", string(told))}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	return c, c.cmd.Start()
}

// end waits for a process, which ends by itself once it has been told to begin or its input is closed.
func (c *child) end() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}
