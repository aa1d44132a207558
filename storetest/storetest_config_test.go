package storetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
)

// plain is a store without optional abilities.
type plain struct{ allocation.Store }

func newPlain(testing.TB) allocation.Store { return plain{memory.New()} }

func reopenSame(_ testing.TB, store allocation.Store) allocation.Store { return store }

func TestConfigWithAMistakeIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		names  string
	}{
		"no New":                    {Config{}, "Config.New"},
		"unknown topic":             {Config{New: newPlain, Topics: []Topic{Load, "Lod"}}, `"Lod"`},
		"Processes without Second":  {Config{New: newPlain, Topics: []Topic{Processes}}, "Config.Second"},
		"Durability without Reopen": {Config{New: newPlain, Topics: []Topic{Durability}}, "Config.Reopen"},
		"Join without Join":         {Config{New: newPlain, Topics: []Topic{Join}}, "Config.Join"},
		"Guests without Guests":     {Config{New: newPlain, Topics: []Topic{Guests}}, "Config.Guests"},
		"Within without Within":     {Config{New: newPlain, Topics: []Topic{Within}}, "Config.Within"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.config.check(); err == nil || !strings.Contains(err.Error(), c.names) {
				t.Errorf("check() = %v, want an error that names %s", err, c.names)
			}
		})
	}
	if err := (Config{New: newPlain, Topics: []Topic{Durability}, Reopen: reopenSame}).check(); err != nil {
		t.Errorf("check() of a valid configuration = %v, want nil", err)
	}
}

func TestSkippedTopicsHaveAReason(t *testing.T) {
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
		{every, Ledger, "doesn't implement allocation.Ledger"},
		{every, Locker, "doesn't implement allocation.Locker"},
		{every, Outbox, "doesn't implement outbox.Store"},
		{every, Upkeep, "doesn't implement outbox.Maintainer"},
		{every, Processes, "no Config.Second"},
		{every, Durability, "no Config.Reopen"},
		{every, Join, "no Config.Join"},
		{every, Guests, "no Config.Guests"},
		{every, Within, "no Config.Within"},
		{Config{New: newPlain, Reopen: reopenSame}, Durability, ""},
		{Config{New: newPlain, Second: reopenSame}, Processes, ""},
	} {
		got := c.config.skipReason(t, c.topic)
		if (got == "") != (c.reason == "") || !strings.Contains(got, c.reason) {
			t.Errorf("skipReason(%q) of topics %q = %q, want %q", c.topic, c.config.Topics, got, c.reason)
		}
	}
}

func TestDeclaredTopicOfAMissingAbilityFails(t *testing.T) {
	for _, topic := range []Topic{Ledger, Locker, Outbox, Upkeep, Guests} {
		failed := failures(t, Config{New: newPlain, Topics: []Topic{topic}, Guests: hostRows}, topic)
		for _, r := range rowsOf(topic) {
			if failed[r.name] == nil {
				t.Errorf("row %s/%s passed on a store without the ability", topic, r.name)
			}
		}
	}
}

// box has the methods of an outbox.Store.
type box = outbox.Store

// unmaintained is an outbox.Store that is no outbox.Maintainer.
type unmaintained struct {
	plain
	box
}

func TestOutboxIsTestedWithoutUpkeep(t *testing.T) {
	config := Config{New: func(testing.TB) allocation.Store {
		store := memory.New()
		return unmaintained{plain{store}, store}
	}}
	if got := config.skipReason(t, Outbox); got != "" {
		t.Errorf("skipReason(%q) = %q, want nothing", Outbox, got)
	}
	if got := config.skipReason(t, Upkeep); !strings.Contains(got, "doesn't implement outbox.Maintainer") {
		t.Errorf("skipReason(%q) = %q, want a reason that names outbox.Maintainer", Upkeep, got)
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

// A failure must name the failed call and have the reason of the row.
func TestFailureHasTheReasonOfTheRow(t *testing.T) {
	silent := with(func(s *faulty) {
		s.load = func(context.Context, allocation.Query) ([]allocation.State, error) { return nil, nil }
	})
	failed := failures(t, Config{New: func(testing.TB) allocation.Store { return silent() }}, Load)
	for _, r := range rowsOf(Load) {
		seen := strings.Join(failed[r.name], "\n")
		if !strings.Contains(seen, "Load(") || !strings.Contains(seen, r.why) {
			t.Errorf("failure of row %q on a store that loads nothing = %q, want the call and %q", r.name, seen, r.why)
		}
	}
}

// The author of a store has to see which of many products a call was about.
func TestFailureOfSeveralProductsSaysWhich(t *testing.T) {
	for name, refuse := range map[string]func(s *faulty, refused func(skus []allocation.SKU)){
		"Commit": func(s *faulty, refused func(skus []allocation.SKU)) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if len(changes) < 2 || ctx == nil || ctx.Err() != nil {
					return s.Store.Commit(ctx, changes)
				}
				skus := make([]allocation.SKU, len(changes))
				for i, c := range changes {
					skus[i] = c.SKU
				}
				refused(skus)
				return errBroken
			}
		},
		"Load": func(s *faulty, refused func(skus []allocation.SKU)) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				if len(q.SKUs) < 2 || ctx == nil || ctx.Err() != nil {
					return s.Store.Load(ctx, q)
				}
				refused(q.SKUs)
				return nil, errBroken
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, topic := range []Topic{Load, Values, Commit, Isolation} {
				for _, r := range rowsOf(topic) {
					var mu sync.Mutex
					var first []allocation.SKU
					store := with(func(s *faulty) {
						refuse(s, func(skus []allocation.SKU) {
							mu.Lock()
							defer mu.Unlock()
							if first == nil {
								first = slices.Clone(skus[:min(len(skus), 5)])
							}
						})
					})
					config := Config{New: func(testing.TB) allocation.Store { return store() }}
					text := strings.Join(failures(t, config, topic, r.name)[r.name], "\n")
					for _, sku := range first {
						if !strings.Contains(text, brief(string(sku))) {
							t.Errorf("row %s/%s doesn't say that %s of %q failed: %s", topic, r.name, name, first,
								text)
							break
						}
					}
				}
			}
		})
	}
}

// Topic and name must identify a row.
func TestRowNamesAreUnique(t *testing.T) {
	for _, g := range groups {
		seen := map[string]bool{}
		for _, r := range g.rows {
			if seen[r.name] || r.why == "" || r.check == nil {
				t.Errorf("row %s/%s is repeated, or has no reason or check", g.topic, r.name)
			}
			seen[r.name] = true
		}
	}
}

// A panic of the store must fail the row, with the reason, and must not end the other rows.
func TestAPanicOfTheStoreFailsOnlyTheRow(t *testing.T) {
	for name, store := range map[string]func() allocation.Store{
		"Load and Commit panic": with(func(s *faulty) {
			s.load = func(context.Context, allocation.Query) ([]allocation.State, error) { panic("load") }
			s.commit = func(context.Context, []allocation.Changes) error { panic("commit") }
		}),
		"every third Commit panics": with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if s.commits.Load()%3 == 2 {
					panic("commit")
				}
				return s.Store.Commit(ctx, changes)
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			for _, g := range groups {
				config := Config{New: func(testing.TB) allocation.Store { return store() }, Reopen: reopenSame}
				if config.skipReason(t, g.topic) != "" {
					continue
				}
				for row, seen := range failures(t, config, g.topic) {
					text := strings.Join(seen, "\n")
					if strings.Contains(text, "panicked") && !strings.Contains(text, "why it matters") {
						t.Errorf("row %s/%s failed without the reason: %s", g.topic, row, text)
					}
				}
			}
		})
	}
}
