package storetest

import (
	"context"
	"strings"
	"testing"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
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
		{every, Outbox, "no outbox.Store"},
		{every, Upkeep, "no outbox.Maintainer"},
		{every, Durability, "no Config.Reopen"},
		{Config{New: newPlain, Reopen: reopenSame}, Durability, ""},
	} {
		got := c.config.skips(t, c.topic)
		if (got == "") != (c.reason == "") || !strings.Contains(got, c.reason) {
			t.Errorf("skips(%q) of topics %q = %q, want %q", c.topic, c.config.Topics, got, c.reason)
		}
	}
}

func TestAbilityThatIsDeclaredAndMissingFails(t *testing.T) {
	for _, topic := range []Topic{Ledger, Outbox, Upkeep} {
		failed := failures(t, Config{New: newPlain, Topics: []Topic{topic}}, topic)
		for _, r := range rowsOf(topic) {
			if failed[r.name] == nil {
				t.Errorf("row %s/%s passed on a store that has no such ability", topic, r.name)
			}
		}
	}
}

// box is what a store needs besides for package outbox.
type box = outbox.Store

// unmaintained is an outbox without upkeep.
type unmaintained struct {
	plain
	box
}

func TestOutboxNeedsNoUpkeep(t *testing.T) {
	config := Config{New: func(testing.TB) allocation.Store {
		store := memory.New()
		return unmaintained{plain{store}, store}
	}}
	if got := config.skips(t, Outbox); got != "" {
		t.Errorf("skips(%q) = %q, want nothing", Outbox, got)
	}
	if got := config.skips(t, Upkeep); !strings.Contains(got, "no outbox.Maintainer") {
		t.Errorf("skips(%q) = %q, want that it is no outbox.Maintainer", Upkeep, got)
	}
	for name, seen := range failures(t, config, Outbox) {
		t.Errorf("%s/%s: %s", Outbox, name, strings.Join(seen, "\n"))
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
