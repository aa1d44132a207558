package dbtest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/sqlstore"
)

// goldenFile has the statements of an engine, as sqlstore/testdata shows them.
type goldenFile struct {
	whole    map[string]string // names by text
	parts    []string          // of statements that are put together
	repeated []string          // parts that stand once for each product

	mu   sync.Mutex
	sent map[string]bool // names
	seen map[string]bool // texts that were found before, so that each is compared once
}

// mostSeen is how many texts are remembered, and of which length: those with values in them are never sent again.
const mostSeen = 4096

// has reports whether a statement is in the file, as a whole or in parts.
func (g *goldenFile) has(text string) bool {
	g.mu.Lock()
	seen := g.seen[text]
	g.mu.Unlock()
	if seen {
		return true
	}
	found := g.knows(text) || g.composes(text) || g.scripted(text)
	g.mu.Lock()
	defer g.mu.Unlock()
	if found && len(g.seen) < mostSeen && len(text) < mostSeen {
		g.seen[text] = true
	}
	return found
}

var goldenFiles = map[*sqlstore.Dialect]func() *goldenFile{
	sqlstore.SQLite:     sync.OnceValue(func() *goldenFile { return readGolden("sqlite", sqlstore.SQLite) }),
	sqlstore.MariaDB:    sync.OnceValue(func() *goldenFile { return readGolden("mariadb", sqlstore.MariaDB) }),
	sqlstore.PostgreSQL: sync.OnceValue(func() *goldenFile { return readGolden("postgresql", sqlstore.PostgreSQL) }),
}

func readGolden(engine string, dialect *sqlstore.Dialect) *goldenFile {
	content, err := os.ReadFile("../../sqlstore/testdata/" + engine + ".sql")
	if err != nil {
		panic(err)
	}
	g := &goldenFile{whole: map[string]string{}, sent: map[string]bool{}, seen: map[string]bool{}}
	for block := range strings.SplitSeq(string(content), "\n;\n") {
		var name string
		var text strings.Builder
		for line := range strings.Lines(block) {
			if named, ok := strings.CutPrefix(line, "-- name: "); ok {
				name = strings.TrimSpace(named)
			}
			if !strings.HasPrefix(line, "-- ") {
				text.WriteString(line)
			}
		}
		switch statement := normal(text.String()); {
		case strings.HasPrefix(name, "part: "):
			g.parts = append(g.parts, statement)
		case strings.HasPrefix(name, "repeated: "):
			g.repeated = append(g.repeated, statement)
		case name != "":
			g.whole[statement] = name
		}
	}
	migrations, err := sqlstore.Migrations(dialect, nil)
	if err != nil {
		panic(err)
	}
	for _, m := range migrations {
		for statement := range strings.SplitAfterSeq(strings.TrimSpace(m.SQL), ";\n") {
			g.whole[normal(statement)] = m.Name
		}
	}
	for _, end := range []string{"BEGIN", "COMMIT", "ROLLBACK"} {
		g.whole[end] = end
	}
	slices.SortFunc(g.parts, func(a, b string) int { return len(b) - len(a) }) // one may begin another
	for _, arm := range g.repeated {
		for statement, name := range g.whole {
			g.whole[once(statement, arm)] = name
		}
	}
	return g
}

var (
	parameter = regexp.MustCompile(`[$?]\d+`)
	comment   = regexp.MustCompile(`/\*.*\*/`) // with a random word
	values    = regexp.MustCompile(`(_utf8mb4 x)?'([^']|'')*'|-?\b\d+\b|\bNULL\b`)
)

// normal is a statement with single spaces, and with ? for each parameter and each value: MariaDB gets the values in
// the text.
func normal(statement string) string {
	statement = strings.Join(strings.Fields(comment.ReplaceAllString(statement, "")), " ")
	statement = strings.ReplaceAll(statement, "( ", "(")
	const rows = ") VALUES ("
	if at := strings.Index(statement, rows); at >= 0 && !strings.HasPrefix(statement[at+len(rows):], "?") {
		statement = statement[:at] + ") VALUES …" // thousands of rows would take the expressions below a second
	}
	return values.ReplaceAllString(parameter.ReplaceAllString(statement, "?"), "?")
}

// once is a statement in which a repeated part stands once.
func once(statement, part string) string {
	for _, between := range []string{" UNION ", " UNION ALL ", " "} {
		for twice := part + between + part; strings.Contains(statement, twice); {
			statement = strings.ReplaceAll(statement, twice, part)
		}
	}
	return statement
}

// knows reports whether a statement is in the file as a whole.
func (g *goldenFile) knows(text string) bool {
	statement := normal(text)
	for _, part := range g.repeated {
		statement = once(statement, part)
	}
	name, ok := g.whole[statement]
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent[name] = g.sent[name] || ok
	return ok
}

// scripted reports whether all statements of a script are in the file.
func (g *goldenFile) scripted(text string) bool {
	if !strings.HasPrefix(text, scriptStart) {
		return false
	}
	for _, part := range append(scriptParts(text), scriptStart) {
		if part != "" && !g.knows(strings.TrimSuffix(part, ";\n")) {
			return false
		}
	}
	return true
}

// composes reports whether a statement consists of parts that are in the file.
func (g *goldenFile) composes(statement string) bool {
	rest, ok := strings.CutPrefix(normal(statement), "WITH ")
	for ok && rest != "" {
		ok = false
		for _, part := range g.parts {
			if after, found := strings.CutPrefix(rest, part); found {
				rest, ok = strings.TrimLeft(after, ", "), true
				break
			}
		}
	}
	return ok
}

// golden fails the test for each statement of which neither the whole nor the parts are in the golden file.
func (e *engine) golden(t testing.TB, s *spy) {
	t.Helper()
	g := goldenFiles[e.dialect]()
	s.set(func(statement string) error {
		if !g.has(statement) && !strings.Contains(statement, hostTable) {
			t.Errorf("a statement is in no golden file, see sqlstore/testdata:\n%s", statement)
		}
		return nil
	}, nil)
}

// sentElsewhere are statements that none of the verbs here sends: after a lost race, an error, or a commit of a group.
var sentElsewhere = []string{
	"ROLLBACK", "back to the savepoint", "schema: database", "outbox: release a product",
	"commit: add products", "commit: change a batch", "commit: change the counters of a batch", "commit: count batches",
	"load by SKU, with what is due", "guests: savepoint", "guests: back to the savepoint", "guest: savepoint",
	"guest: back to the savepoint",
}

// inPipeline ends the names of statements that are sent only over pgx.
const inPipeline = ", in a pipeline"

func TestEveryStatementOfAVerbIsInTheGoldenFile(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		g := goldenFiles[e.dialect]()
		p := e.new(t)
		spied, db := p.spied(t)
		unknown := map[string]string{}
		spied.set(func(statement string) error {
			if !g.knows(statement) && !g.scripted(statement) {
				unknown[normal(statement)] = statement
			}
			return nil
		}, nil)
		store := e.store(t, db, nil)
		require.NoError(t, store.Migrate(t.Context()))
		useEveryVerb(t, db, p.open(t), store, func(verb string) {
			for _, statement := range unknown {
				t.Errorf("%s sends a statement that is not in sqlstore/testdata as a whole:\n%s", verb, statement)
			}
			clear(unknown)
		})
		for _, name := range g.whole {
			if !g.sent[name] && !slices.Contains(sentElsewhere, name) && !strings.HasSuffix(name, inPipeline) {
				t.Errorf("no verb sends %q", name)
			}
		}
	})
}

func TestTheGoldenFileKnowsNoOtherStatement(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		g := goldenFiles[e.dialect]()
		for statement, name := range g.whole {
			assert.False(t, g.knows(statement+" LIMIT 1"), "%s with an end of its own", name)
			assert.False(t, g.composes(statement+" LIMIT 1"), "%s with an end of its own", name)
		}
		for _, part := range g.parts {
			assert.False(t, g.composes("WITH "+part+", other AS (SELECT 1)"), "with a part of its own")
		}
	})
}
