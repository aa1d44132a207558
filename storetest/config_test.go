package storetest

import (
	"context"
	"strings"
	"testing"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// plain is a store without further abilities.
type plain struct{ allocation.Store }

func newPlain(testing.TB) allocation.Store { return plain{memory.New()} }

func reopenSame(_ testing.TB, store allocation.Store) allocation.Store { return store }

func TestConfigThatTestsLessThanItSeemsIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		names  string
	}{
		"no store":                  {Config{}, "Config.New"},
		"a topic that isn't one":    {Config{New: newPlain, Topics: []Topic{Load, "Lod"}}, `"Lod"`},
		"durability without reopen": {Config{New: newPlain, Topics: []Topic{Durability}}, "Config.Reopen"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.config.check(); err == nil || !strings.Contains(err.Error(), c.names) {
				t.Errorf("check() = %v, want an error that names %s", err, c.names)
			}
		})
	}
	if err := (Config{New: newPlain, Topics: []Topic{Durability}, Reopen: reopenSame}).check(); err != nil {
		t.Errorf("check() = %v of a sound configuration", err)
	}
}

func TestTopicsThatAreNotTestedSayWhy(t *testing.T) {
	some := Config{New: newPlain, Topics: []Topic{Load, Ledger}}
	every := Config{New: newPlain}
	for _, c := range []struct {
		config Config
		topic  Topic
		reason string
	}{
		{some, Load, ""},
		{some, Commit, `doesn't declare topic "Commit"`},
		{some, Ledger, ""},
		{every, Commit, ""},
		{every, Ledger, "no allocation.Ledger"},
		{every, Durability, "no Config.Reopen"},
		{Config{New: newPlain, Reopen: reopenSame}, Durability, ""},
	} {
		got := c.config.skips(t, c.topic)
		if (got == "") != (c.reason == "") || !strings.Contains(got, c.reason) {
			t.Errorf("skips(%q) of topics %q = %q, want %q", c.topic, c.config.Topics, got, c.reason)
		}
	}
}

func TestLedgerThatIsDeclaredAndMissingFails(t *testing.T) {
	config := Config{New: newPlain, Topics: []Topic{Ledger}}
	failed := failures(t, config, Ledger)
	for _, r := range rowsOf(Ledger) {
		if failed[r.name] == nil {
			t.Errorf("row %q passed on a store that is no ledger", r.name)
		}
	}
}

func rowsOf(topic Topic) []row {
	for _, g := range groups {
		if g.topic == topic {
			return g.rows
		}
	}
	return nil
}

// TestFailureSaysWhy holds that a failure tells what was seen, and why it is wrong.
func TestFailureSaysWhy(t *testing.T) {
	silent := with(func(s *faulty) {
		s.load = func(context.Context, allocation.Query) ([]allocation.State, error) { return nil, nil }
	})
	failed := failures(t, Config{New: func(testing.TB) allocation.Store { return silent() }}, Load)
	for _, r := range rowsOf(Load) {
		seen := strings.Join(failed[r.name], "\n")
		if !strings.Contains(seen, "Load(") || !strings.Contains(seen, r.why) {
			t.Errorf("row %q on a store that loads nothing says %q, want the call and %q", r.name, seen, r.why)
		}
	}
}

// TestRowsAreNamedOnce holds that a row can be found by its topic and name.
func TestRowsAreNamedOnce(t *testing.T) {
	for _, g := range groups {
		seen := map[string]bool{}
		for _, r := range g.rows {
			if seen[r.name] || r.why == "" || r.check == nil {
				t.Errorf("row %s/%s is there twice, or without its explanation or check", g.topic, r.name)
			}
			seen[r.name] = true
		}
	}
}
