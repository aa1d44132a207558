package sqlstore

import (
	"strconv"
	"strings"
	"time"
)

// array writes the literal of an array of PostgreSQL, which every driver takes as text.
type array struct {
	text  strings.Builder
	count int
}

func (a *array) separate() {
	a.count++
	if a.text.Len() == 0 {
		a.text.WriteByte('{')
		return
	}
	a.text.WriteByte(',')
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func (a *array) string(s string) {
	a.separate()
	a.text.WriteByte('"')
	_, _ = quoted.WriteString(&a.text, s)
	a.text.WriteByte('"')
}

// stringIfAny writes NULL for the empty string.
func (a *array) stringIfAny(s string) {
	if s == "" {
		a.null()
		return
	}
	a.string(s)
}

func (a *array) number(n int64) {
	a.separate()
	a.text.WriteString(strconv.FormatInt(n, 10))
}

// time writes NULL for the zero time.
func (a *array) time(t time.Time) {
	if t.IsZero() {
		a.null()
		return
	}
	a.number(t.UnixMicro())
}

func (a *array) null() {
	a.separate()
	a.text.WriteString("NULL")
}

// literal ends the array.
func (a *array) literal() string {
	if a.text.Len() == 0 {
		return "{}"
	}
	return a.text.String() + "}"
}
