package sqlstore

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// A function of the server keeps the plans of its statements, whatever a driver or a pooler does, see
// [Options].Functions. A function writes the rows of a commit and decides nothing.

// lineFunction commits one plain line, as oneLineText does. The function returns 0 after a lost race. A missing batch
// is a division by zero, as in the other statements of a commit.
var lineFunction = `
	BEGIN
		UPDATE {products} SET ` + productColumns.assignments("", "", ":product_") + `
		WHERE sku = :product_sku AND version = :product_seen;
		IF NOT FOUND THEN RETURN 0; END IF;
		UPDATE {batches} b SET ` + changedCounters.assignments("", "b.", ":batch_") + `
		WHERE b.ref = :batch_ref AND b.sku = :product_sku;
		IF NOT FOUND THEN RAISE division_by_zero; END IF;
		INSERT INTO {lines} (` + plainColumns.list("") + `)
		VALUES (` + plainColumns.casts("line_", plainValues(":product_sku", "0")) + `);
		INSERT INTO {events} (` + eventColumns.list("") + `)
		VALUES (` + eventColumns.casts("event_", eventValues(":product_sku")) + `);
		RETURN 1;
	END`

// function is a function of the server.
type function struct {
	name   string // with schema
	create string
	call   rowStatement[relations]
}

// lineFunction returns the function. The name has the version of the tables and a hash of the function, so that
// programs with other functions have functions of their own, and no Migrate replaces the function under a running
// program.
func (t *templates) lineFunction() function {
	body := compileRow(t, firstRows, lineFunction)
	kinds, params := make([]string, len(body.params)), make([]string, len(body.params))
	for i, name := range body.params {
		kinds[i] = "bigint" // also for smaller numbers: a driver may send each number as bigint
		if kind := body.values[i].kind; kind == "text" || kind == "uuid" {
			kinds[i] = "text"
		}
		params[i] = ":" + name
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(strings.Join(kinds, ", ") + body.text)) // never fails
	f := function{name: fmt.Sprintf("%s%scommit_line_%d_%08x", t.qualifier(), t.prefix, schemaVersion, hash.Sum32())}
	f.create = "CREATE OR REPLACE FUNCTION " + f.name + " (" + strings.Join(kinds, ", ") + ")\n" +
		"\tRETURNS bigint LANGUAGE plpgsql AS $$" + body.text + "\n\t$$"
	f.call = compileRow(t, firstRows, "SELECT "+f.name+"("+strings.Join(params, ", ")+"), 1")
	return f
}

const hasFunction = `SELECT COUNT(*) FROM pg_proc WHERE oid = to_regproc(CAST(:function AS text))`
