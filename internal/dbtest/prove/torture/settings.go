package torture

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

// settings are what a run depends on. The same settings lead to the same decisions, timing aside.
type settings struct {
	Engine    string
	Mode      mode
	Seed      uint64
	Processes int
	Callers   int // of each process
	SKUs      int
	Commands  int // of each caller, at most
	For       time.Duration
	Cut       float64 // probability that a request to the database, or its answer, takes the connection with it
	Kills     int     // of clients
	Restarts  int     // of servers
	Writers   int     // servers of a cluster that take commands as long as they are up
	Attempts  int     // of a unit of work; 0 for the default

	DSN string `json:"-"` // of a database to use in place of a private server

	Pgx bool // the clients use pgx itself, in place of database/sql

	Configuration []string // of the server, as name=value
}

// define makes a flag of each setting.
func (s *settings) define(flags *flag.FlagSet) {
	flags.StringVar(&s.Engine, "engine", "sqlite", "sqlite, postgresql, mariadb or galera (a cluster of three servers)")
	flags.StringVar(&s.DSN, "dsn", "", "an empty database in place of a private server, which nobody restarts")
	s.Mode = everything
	const modeUsage = "how the clients' Services work: all (the default), alone without group commit, " +
		"unkept without cached products, locked with locks from the start"
	flags.Func("mode", modeUsage, func(text string) error {
		s.Mode = mode(text)
		return s.Mode.check()
	})
	flags.Uint64Var(&s.Seed, "seed", rand.Uint64N(1_000_000), "of all decisions")
	flags.IntVar(&s.Processes, "processes", 4, "client processes")
	flags.IntVar(&s.Callers, "callers", 8, "goroutines of each client")
	flags.IntVar(&s.SKUs, "skus", 3, "products that all of them want")
	flags.IntVar(&s.Commands, "commands", 100_000, "of each caller, at most")
	flags.DurationVar(&s.For, "for", time.Minute, "how long the clients send commands")
	flags.Float64Var(&s.Cut, "cut", 0.01, "probability that a request or an answer cuts its connection")
	flags.IntVar(&s.Kills, "kills", 8, "how often a client is killed and started again")
	flags.IntVar(&s.Restarts, "restarts", 2, "how often a private server is killed and started again (not sqlite)")
	flags.IntVar(&s.Writers, "writers", clusterSize, "servers of a cluster that take commands while they are up")
	flags.IntVar(&s.Attempts, "attempts", 0, "of each unit of work; 0 for the default")
	flags.BoolVar(&s.Pgx, "pgx", false, "the clients use pgx itself, in place of database/sql (postgresql only)")
	flags.Func("set", "a `name=value` of the server's configuration; may be repeated", func(text string) error {
		if !strings.Contains(text, "=") {
			return errors.New("the setting has no =")
		}
		s.Configuration = append(s.Configuration, text)
		return nil
	})
}

// String is the command line that repeats the run.
func (s *settings) String() string {
	var line strings.Builder
	fmt.Fprintf(&line, "go run ./prove torture -engine %s -mode %s -seed %d", s.Engine, s.Mode, s.Seed)
	fmt.Fprintf(&line, " -processes %d -callers %d -skus %d -commands %d", s.Processes, s.Callers, s.SKUs, s.Commands)
	fmt.Fprintf(&line, " -for %s -cut %g -kills %d -restarts %d", s.For, s.Cut, s.Kills, s.Restarts)
	if s.Engine == galera && s.DSN == "" {
		fmt.Fprintf(&line, " -writers %d", s.Writers)
	}
	if s.Attempts > 0 {
		fmt.Fprintf(&line, " -attempts %d", s.Attempts)
	}
	if s.Pgx {
		line.WriteString(" -pgx")
	}
	if s.DSN != "" {
		line.WriteString(" -dsn …") // which may hold a password
	}
	for _, text := range s.Configuration {
		fmt.Fprintf(&line, " -set '%s'", text)
	}
	return line.String()
}

// server is the configuration of the server to start.
func (s *settings) server() map[string]string {
	configuration := map[string]string{}
	for _, text := range s.Configuration {
		name, value, _ := strings.Cut(text, "=")
		configuration[name] = value
	}
	return configuration
}

// check refuses settings with which there is nothing to do.
func (s *settings) check() error {
	if s.Processes < 1 || s.Callers < 1 || s.SKUs < 1 || s.Commands < 1 || s.For <= 0 {
		return fmt.Errorf("processes, callers, skus, commands and for must be positive: %s", s)
	}
	if s.Cut < 0 || s.Cut >= 1 || s.Kills < 0 || s.Restarts < 0 || s.Attempts < 0 {
		return fmt.Errorf("cut must be 0 to 1, kills, restarts and attempts not negative: %s", s)
	}
	if s.Engine == galera && (s.Writers < 1 || s.Writers > clusterSize) {
		return fmt.Errorf("writers must be 1 to %d: %s", clusterSize, s)
	}
	if s.Pgx && s.Engine != "postgresql" {
		return fmt.Errorf("pgx needs the engine postgresql: %s", s)
	}
	if s.DSN != "" && len(s.Configuration) > 0 {
		return fmt.Errorf("set is for a private server, and dsn names another: %s", s)
	}
	return s.Mode.check()
}

// owners is how many clocks there are: one for each client, from 1, and 0 for the parent.
func (s *settings) owners() int { return s.Processes + 1 }

// ownerOf is whose clock the times of a caller are of.
func (s *settings) ownerOf(caller int) int { return 1 + (caller-1)/s.Callers }

// rushEvery is the number of clients of which one hardly does anything but fill carts, so that commands find cached
// products, which only serve to place lines.
const rushEvery = 4

func (s *settings) rushes(caller int) bool { return (s.ownerOf(caller)-1)%rushEvery == 1 }

// random is the source of the decisions of one purpose.
func (s *settings) random(purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(s.Seed, purpose)) }

// sku names the products.
func (s *settings) sku(i int) allocation.SKU { return allocation.SKU(fmt.Sprintf("sku-%d", i)) }

// sharedBatches is how many batches each product has from the start, which everybody may count.
const sharedBatches = 3

func sharedBatch(sku allocation.SKU, i int) allocation.BatchRef {
	return allocation.BatchRef(fmt.Sprintf("%s-batch-%d", sku, i))
}
