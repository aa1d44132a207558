package sqlstore

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// unusualLines change one field of a plain line each, by the column.
var unusualLines = map[string]func(l *lineRow){
	"line":        func(l *lineRow) { l.Line = "2" },
	"part":        func(l *lineRow) { l.number = 1 },
	"shipped":     func(l *lineRow) { l.part.Shipped = 1 },
	"split":       func(l *lineRow) { l.Split = true },
	"held_until":  func(l *lineRow) { l.HeldUntil = time.Unix(1, 0) },
	"needed_by":   func(l *lineRow) { l.NeededBy = time.Unix(1, 0) },
	"fresh_until": func(l *lineRow) { l.FreshUntil = time.Unix(1, 0) },
	"location":    func(l *lineRow) { l.Location = "north" },
	"priority":    func(l *lineRow) { l.Priority = -1 },
	"late":        func(l *lineRow) { l.Late = true },
	"handed_from": func(l *lineRow) { l.HandedFrom = "order-2" },
	"wanted":      func(l *lineRow) { l.Wanted = 6 },
	"partial":     func(l *lineRow) { l.Partial = true },
	"may_wait":    func(l *lineRow) { l.MayWait = true },
	"hold_for":    func(l *lineRow) { l.HoldFor = time.Minute },
}

func TestALineIsPlainIfEveryUsualColumnHasItsValue(t *testing.T) {
	plain := lineRow{
		Allocation: &allocation.Allocation{
			OrderLine: allocation.OrderLine{OrderID: "order-1", SKU: "chair", Quantity: 5}, Sequence: 7,
		},
		part: allocation.Part{Batch: "batch-1", Quantity: 5},
	}
	assert.True(t, lineColumns.arePlain(nil))
	assert.True(t, lineColumns.arePlain([]lineRow{plain, plain}))
	for name, change := range unusualLines {
		unusual, line := plain, *plain.Allocation
		unusual.Allocation = &line
		change(&unusual)
		assert.False(t, lineColumns.arePlain([]lineRow{unusual}), name)
		assert.False(t, lineColumns.arePlain([]lineRow{plain, unusual, plain}), "%s in one of several lines", name)
	}
	for _, column := range lineColumns {
		if column.usual != "" && column.name != "held" { // which follows from held_until
			assert.Contains(t, unusualLines, column.name)
		}
	}
}

func TestAColumnThatAnInsertLeavesOutHasItsUsualValueAsDefault(t *testing.T) {
	for _, dialect := range []*Dialect{SQLite, MariaDB, PostgreSQL} {
		t.Run(dialect.engine.name, func(t *testing.T) {
			migrations, err := Migrations(dialect, nil)
			require.NoError(t, err)
			var lines strings.Builder // all statements about the table
			for _, m := range migrations {
				for statement := range strings.SplitSeq(m.SQL, ";\n") {
					if strings.Contains(statement, "TABLE") && strings.Contains(statement, "allocation_lines") {
						lines.WriteString(statement + ";\n")
					}
				}
			}
			for _, column := range lineColumns {
				if !column.byDefault {
					continue
				}
				// A column that may be NULL has no word behind the type.
				want := `\b` + column.name + `\s+(BIGINT|INTEGER)\s*(,|;|$)`
				if column.usual != "NULL" {
					want = `\b` + column.name + `\s[^,;]*\bNOT NULL DEFAULT ` + column.usual + `(\s|,|;|$)`
				}
				assert.Regexp(t, `(?m)`+want, lines.String())
			}
		})
	}
}
