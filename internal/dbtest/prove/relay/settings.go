package relay

import (
	"flag"
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
)

// settings are what a run depends on, timing aside.
type settings struct {
	Engine   string
	DSN      string // of a database to use in place of a private server
	Events   int    // at least so many, all products together
	Products int    // each with its share of the events
	Hot      int    // further products, which together get a fifth of all
	Relays   int    // processes, when they are killed
	Kills    int    // at least so many; the run goes on killing until all is sent
	Every    time.Duration
	Lease    time.Duration
	Batch    int
	Workers  int // of each relay
	Measure  bool
	Fast     bool
	Patience time.Duration // with a database that fails, and with relays that send nothing new beyond their lease
	Limit    time.Duration
	Profiles string
}

// define makes a flag of each setting.
func (s *settings) define(flags *flag.FlagSet) {
	flags.StringVar(&s.Engine, "engine", "sqlite", "sqlite, postgresql or mariadb")
	flags.StringVar(&s.DSN, "dsn", "", "an empty database in place of a private server; nothing is measured then")
	flags.IntVar(&s.Events, "events", 100_000, "to send, at least")
	flags.IntVar(&s.Products, "products", 500, "that share most of the events")
	flags.IntVar(&s.Hot, "hot", 4, "products that share a fifth of the events")
	flags.IntVar(&s.Relays, "relays", 2, "processes, when they are killed")
	flags.IntVar(&s.Kills, "kills", 5, "at least; relays are killed until all is sent")
	flags.DurationVar(&s.Every, "every", time.Second, "from one kill to the next")
	flags.DurationVar(&s.Lease, "lease", 2*time.Second, "of the relays")
	flags.IntVar(&s.Batch, "batch", 100, "events of a product that are published at a time, at most")
	flags.IntVar(&s.Workers, "workers", 8, "of each relay, and connections to the database but for one")
	flags.BoolVar(&s.Measure, "measure", true, "measure one relay and two without kills, before")
	flags.BoolVar(&s.Fast, "fast", false, "the server doesn't wait for the disk")
	flags.DurationVar(&s.Patience, "patience", 30*time.Second, "with a failing database, and with silent relays")
	flags.DurationVar(&s.Limit, "limit", 15*time.Minute, "of the whole run")
	flags.StringVar(&s.Profiles, "profiles", "", "a `folder` for CPU profiles of the relays that are not killed")
}

// String is the command line that repeats the run.
func (s *settings) String() string {
	given := ""
	if s.DSN != "" {
		given = " -dsn …" // which may hold a password
	}
	return fmt.Sprintf("go run ./prove relay -engine %s -events %d -products %d -hot %d -relays %d -kills %d",
		s.Engine, s.Events, s.Products, s.Hot, s.Relays, s.Kills) +
		fmt.Sprintf(" -every %s -lease %s -batch %d -workers %d", s.Every, s.Lease, s.Batch, s.Workers) +
		fmt.Sprintf(" -measure=%t -fast=%t -patience %s -limit %s", s.Measure, s.Fast, s.Patience, s.Limit) + given
}

// check refuses settings with which there is nothing to do.
func (s *settings) check() error {
	switch {
	case s.Events < 1 || s.Products < 1 || s.Relays < 1 || s.Batch < 1 || s.Workers < 1 || s.Hot < 0 || s.Kills < 0:
		return fmt.Errorf(
			"events, products, relays, batch and workers must be positive, hot and kills not negative: %s", s)
	case s.Every <= 0 || s.Lease < time.Millisecond || s.Patience <= 0 || s.Limit <= 0:
		return fmt.Errorf("every, lease, patience and limit must be positive: %s", s)
	}
	return nil
}

// sku names the products, the hot ones last.
func (s *settings) sku(i int) allocation.SKU { return allocation.SKU(fmt.Sprintf("sku-%04d", i)) }

// skus lists all products.
func (s *settings) skus() []allocation.SKU {
	skus := make([]allocation.SKU, s.Products+s.Hot)
	for i := range skus {
		skus[i] = s.sku(i)
	}
	return skus
}
