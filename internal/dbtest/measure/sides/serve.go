package sides

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// Command tells a process that holds a side to do one thing. Commands and answers are JSON, one value a line.
type Command struct {
	Do Verb

	// For Open.
	Engine, DSN string
	Name        Name
	Migrate     bool // make the tables first

	// For the others.
	Workload Workload
	Units    int64         // of each product, for Stock and Fill
	Lines    int           // earlier lines for Fill, new ones for Import
	Batches  int           // used-up ones, for Fill; a divisor of Lines
	Orders   string        // part of the IDs of the orders that Run places
	For      time.Duration // of Run
}

// Verb is what a process is told to do.
type Verb string

// The verbs. Open comes first, and once; Stock, Fill and Import need the library.
const (
	DoOpen   Verb = "open"   // opens the side
	DoStock  Verb = "stock"  // adds the products of a workload, each with a batch
	DoFill   Verb = "fill"   // adds the one product of a workload with a past, see Lines and Batches
	DoRun    Verb = "run"    // lets callers place orders for a while
	DoImport Verb = "import" // places orders with one call of AllocateEach
)

// answer is the end of a command.
type answer struct {
	Slice harness.Slice
	Error string
}

// Serve reads commands and carries them out until the input ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	commands, answers := json.NewDecoder(in), json.NewEncoder(out)
	s := &server{}
	defer s.close()
	for {
		var c Command
		if err := commands.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a command: %w", err)
		}
		var a answer
		var err error
		if a.Slice, err = s.do(ctx, c); err != nil {
			a.Error = err.Error()
		}
		if err := answers.Encode(a); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

// server holds the side of a process.
type server struct {
	side Side
	db   *sql.DB
}

func (s *server) close() {
	if s.db != nil {
		_ = s.db.Close()
	}
}

func (s *server) do(ctx context.Context, c Command) (got harness.Slice, err error) {
	if c.Do == DoOpen {
		return got, s.open(ctx, c)
	}
	library, isLibrary := s.side.(LibrarySide)
	switch {
	case s.side == nil:
		return got, fmt.Errorf("%s comes before open", c.Do)
	case c.Do == DoRun:
		return Run(ctx, s.side, c.Workload, c.Orders, c.For)
	case !isLibrary:
		return got, fmt.Errorf("only the library can %s", c.Do)
	case c.Do == DoStock:
		return got, library.Stock(ctx, c.Workload, c.Units)
	case c.Do == DoFill:
		return got, library.fill(ctx, c.Workload.SKU(0), c.Lines, c.Batches, c.Units)
	case c.Do == DoImport:
		return library.Import(ctx, c.Workload, c.Lines)
	}
	return got, fmt.Errorf("there is no verb %q", c.Do)
}

func (s *server) open(ctx context.Context, c Command) error {
	e, err := harness.ByName(c.Engine)
	if err != nil {
		return err
	}
	if s.side, s.db, err = Open(ctx, e, c.DSN, c.Name); err != nil {
		return err
	}
	if library, ok := s.side.(LibrarySide); ok && c.Migrate {
		return library.store.Migrate(ctx)
	}
	return nil
}
