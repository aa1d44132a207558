package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

// position names the line at which a row begins, as editors count lines.
type position struct {
	file string
	line int
}

// rowError is a mistake in a row. The rows below can still be read.
type rowError struct{ reason string }

func (e *rowError) Error() string { return e.reason }

func badRow(format string, values ...any) error { return &rowError{fmt.Sprintf(format, values...)} }

func isBadRow(err error) bool { return errors.As(err, new(*rowError)) }

// table is a CSV file whose first row names the columns, in any order.
type table struct {
	file    string
	reader  *csv.Reader
	columns map[string]int
	record  []string
}

func openTable(file string, r io.Reader, required, optional []string) (*table, error) {
	t := &table{file: file, reader: csv.NewReader(r), columns: map[string]int{}}
	header, err := t.reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s:1: the row that names the columns is missing", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff") // spreadsheets begin a file with a byte order mark
	for i, name := range header {
		_, repeated := t.columns[name]
		if repeated || !slices.Contains(required, name) && !slices.Contains(optional, name) {
			return nil, fmt.Errorf("%s:1: column %q is unknown or repeated: want %s and perhaps %s",
				file, name, strings.Join(required, ", "), strings.Join(optional, ", "))
		}
		t.columns[name] = i
	}
	for _, name := range required {
		if _, there := t.columns[name]; !there {
			return nil, fmt.Errorf("%s:1: column %q is missing", file, name)
		}
	}
	return t, nil
}

// rows goes through the rows below the header. The caller goes on after a bad row, and stops at any other error.
func (t *table) rows() iter.Seq2[position, error] {
	return func(yield func(position, error) bool) {
		for {
			at, err := t.next()
			if errors.Is(err, io.EOF) || !yield(at, err) {
				return
			}
		}
	}
}

func (t *table) next() (at position, err error) {
	t.record, err = t.reader.Read()
	var syntax *csv.ParseError
	switch {
	case errors.As(err, &syntax):
		return position{t.file, syntax.StartLine}, badRow("%v", syntax.Err)
	case err != nil:
		return position{}, fmt.Errorf("%s: %w", t.file, err)
	}
	line, _ := t.reader.FieldPos(0)
	return position{t.file, line}, nil
}

// get returns a field of the row, "" if there is none.
func (t *table) get(column string) string {
	if i, there := t.columns[column]; there && i < len(t.record) {
		return t.record[i]
	}
	return ""
}

func (t *table) quantity() (allocation.Quantity, error) {
	text := t.get("quantity")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, badRow("quantity %q is no whole number", text)
	}
	return allocation.Quantity(n), nil
}

// time reads a date, as midnight UTC, or a moment in the form of RFC 3339.
func (t *table) time(column string) (time.Time, error) {
	text := t.get(column)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, badRow("%s %q is no date such as 2027-01-31", column, text)
}
