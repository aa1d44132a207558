package allocation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

const mostUnits allocation.Quantity = 1<<53 - 1

// badIDs are identifiers that some store would change, lose or confuse with another.
var badIDs = map[string]string{
	"empty":                      "",
	"256 bytes":                  strings.Repeat("x", 256),
	"256 bytes in 128 letters":   strings.Repeat("é", 128),
	"invalid UTF-8":              "a\xffb",
	"half a letter":              "caf\xc3",
	"NUL":                        "a\x00b",
	"leading space":              " a",
	"trailing space":             "a ",
	"trailing newline":           "a\n",
	"trailing tab":               "a\t",
	"leading non-breaking space": "\u00a0a",
	"trailing em space":          "a\u2003",
	"only an ideographic space":  "\u3000",
}

// goodIDs look odd, and are valid.
var goodIDs = []string{
	"a", strings.Repeat("x", 255), strings.Repeat("é", 127), "a b", "日本", "a\u2003b", "'; --", "a%_\\", "\u200b",
	"1\t2",
}

// field is an argument of a verb for one identifier or value.
type field struct {
	op, field string
	verb      func(p *tested, id string) error
}

var idFields = []field{
	{
		"NewProduct", "sku",
		func(_ *tested, id string) error { _, err := allocation.NewProduct(allocation.SKU(id)); return err },
	},
	{
		"AddBatch", "batch",
		func(p *tested, id string) error { return p.AddBatch(inWarehouse(allocation.BatchRef(id), 1), monday) },
	},
	{"AddBatch", "sku", func(p *tested, id string) error {
		return p.AddBatch(allocation.Batch{Ref: "x", SKU: allocation.SKU(id), Purchased: 1}, monday)
	}},
	{"AddBatch", "location", func(p *tested, id string) error {
		if id == "" {
			id = " " // a batch may have no location
		}
		return p.AddBatch(at(allocation.Location(id), inWarehouse("x", 1)), monday)
	}},
	{"Allocate", "order", func(p *tested, id string) error {
		_, err := p.Allocate(monday, nil, whole(allocation.OrderID(id), 1))
		return err
	}},
	{"Allocate", "sku", func(p *tested, id string) error {
		_, err := p.Allocate(monday, nil,
			allocation.Request{OrderLine: allocation.OrderLine{OrderID: "x", SKU: allocation.SKU(id), Quantity: 1}})
		return err
	}},
	{"Allocate", "line", func(p *tested, id string) error {
		r := whole("x", 1)
		r.Line = lineID(id)
		_, err := p.Allocate(monday, nil, r)
		return err
	}},
	{"ChangeLine", "line", func(p *tested, id string) error {
		l := lineOf("x", 1)
		l.Line = lineID(id)
		_, err := p.ChangeLine(l, monday, nil)
		return err
	}},
	{"ShipPart", "line", func(p *tested, id string) error {
		l := lineOf("x", 1)
		l.Line = lineID(id)
		_, err := p.ShipPart(l, monday)
		return err
	}},
	{"ChangeLine", "order", func(p *tested, id string) error {
		_, err := p.ChangeLine(lineOf(allocation.OrderID(id), 1), monday, nil)
		return err
	}},
	{"ShipPart", "order", func(p *tested, id string) error {
		_, err := p.ShipPart(lineOf(allocation.OrderID(id), 1), monday)
		return err
	}},
	{
		"Ship", "order",
		func(p *tested, id string) error { _, err := p.Ship(allocation.OrderID(id), monday); return err },
	},
	{
		"Cancel", "order",
		func(p *tested, id string) error { _, err := p.Cancel(allocation.OrderID(id), monday); return err },
	},
	{
		"Confirm", "order",
		func(p *tested, id string) error { _, err := p.Confirm(allocation.OrderID(id), monday); return err },
	},
	{"Extend", "order", func(p *tested, id string) error {
		_, err := p.Extend(allocation.OrderID(id), mondayPlus(1), monday)
		return err
	}},
	{
		"Lines", "order",
		func(p *tested, id string) error { _, err := p.Lines(allocation.OrderID(id), monday); return err },
	},
	{"ChangeBatchETA", "batch", func(p *tested, id string) error {
		return slips(p, allocation.BatchRef(id), mondayPlus(1), monday)
	}},
	{"ReceiveBatch", "batch", func(p *tested, id string) error {
		_, err := p.ReceiveBatch(counted(allocation.BatchRef(id), 1, monday), monday, nil)
		return err
	}},
	{"ChangeBatchQuantity", "batch", func(p *tested, id string) error {
		_, err := p.ChangeBatchQuantity(counted(allocation.BatchRef(id), 1, monday), monday, nil)
		return err
	}},
}

// lineID returns a LineID as bad as the identifier; a LineID may be empty.
func lineID(id string) allocation.LineID {
	if id == "" {
		return " "
	}
	return allocation.LineID(id)
}

// requireInvalid checks R12: a typed error that names the operation, the field and the value.
func requireInvalid(t *testing.T, err error, op, field string) *allocation.Error {
	t.Helper()
	require.ErrorIs(t, err, allocation.ErrInvalid)
	var detail *allocation.Error
	require.ErrorAs(t, err, &detail)
	assert.Equal(t, op, detail.Op, "Op")
	assert.Equal(t, field, detail.Field, "Field")
	return detail
}

func TestR12_BadIdentifiers(t *testing.T) {
	for _, f := range idFields {
		t.Run(f.op+" "+f.field, func(t *testing.T) {
			p := newTested(t, inWarehouse("a", 10))
			for name, id := range badIDs {
				t.Run(name, func(t *testing.T) {
					err := p.refuses(allocation.ErrInvalid, func() error { return f.verb(p, id) })
					detail := requireInvalid(t, err, f.op, f.field)
					if id != "" {
						assert.EqualValues(t, id, detail.Value, "Value")
					}
				})
			}
		})
	}
}

func TestR12_GoodIdentifiers(t *testing.T) {
	for _, id := range goodIDs {
		product, err := allocation.NewProduct(allocation.SKU(id))
		require.NoError(t, err, "SKU %q", id)
		b := allocation.Batch{
			Ref: allocation.BatchRef(id), SKU: allocation.SKU(id), Purchased: 1, Location: allocation.Location(id),
		}
		require.NoError(t, product.AddBatch(b, monday), "batch %q", id)
		line := allocation.OrderLine{OrderID: allocation.OrderID(id), SKU: allocation.SKU(id), Quantity: 1}
		_, err = product.Allocate(monday, nil, allocation.Request{OrderLine: line})
		require.NoError(t, err, "order %q", id)
	}
}

func TestR12_IdentifiersCompareAsBytes(t *testing.T) {
	p := newTested(t, inWarehouse("abc", 1), inWarehouse("ABC", 1), inWarehouse("e\u0301", 1), inWarehouse("\u00e9", 1))
	given := p.allocates(whole("o", 1), whole("O", 1))
	assert.Equal(t, []string{"ABC:1", "abc:1"}, []string{from(given[0]), from(given[1])}, "batches of two orders")
}

func TestR12_BadQuantities(t *testing.T) {
	fields := []struct {
		op, field string
		least     allocation.Quantity
		verb      func(p *tested, units allocation.Quantity) error
	}{
		{
			"AddBatch", "quantity", 1,
			func(p *tested, units allocation.Quantity) error { return p.AddBatch(inWarehouse("x", units), monday) },
		},
		{"Allocate", "quantity", 1, func(p *tested, units allocation.Quantity) error {
			_, err := p.Allocate(monday, nil, whole("x", units))
			return err
		}},
		{"ChangeLine", "quantity", 1, func(p *tested, units allocation.Quantity) error {
			_, err := p.ChangeLine(lineOf("o", units), monday, nil)
			return err
		}},
		{"ShipPart", "quantity", 1, func(p *tested, units allocation.Quantity) error {
			_, err := p.ShipPart(lineOf("o", units), monday)
			return err
		}},
		{"ReceiveBatch", "quantity", 0, func(p *tested, units allocation.Quantity) error {
			_, err := p.ReceiveBatch(counted("b", units, monday), monday, nil)
			return err
		}},
		{"ChangeBatchQuantity", "quantity", 0, func(p *tested, units allocation.Quantity) error {
			_, err := p.ChangeBatchQuantity(counted("a", units, monday), monday, nil)
			return err
		}},
		{
			"SetLowStock", "threshold", 0,
			func(p *tested, units allocation.Quantity) error { return p.SetLowStock(units, monday) },
		},
	}
	for _, f := range fields {
		t.Run(f.op+" "+f.field, func(t *testing.T) {
			p := newTested(t, inWarehouse("a", 10), arriving("b", 10, 1))
			p.allocates(whole("o", 2))
			for _, units := range []allocation.Quantity{f.least - 1, -5, -1 << 63, mostUnits + 1, 1<<63 - 1} {
				err := p.refuses(allocation.ErrInvalid, func() error { return f.verb(p, units) })
				assert.Equal(t, units, requireInvalid(t, err, f.op, f.field).Value, "Value")
			}
		})
	}
}

func TestR12_LargestQuantities(t *testing.T) {
	p := newTested(t, inWarehouse("a", mostUnits), inWarehouse("b", mostUnits))
	p.allocates(whole("o", mostUnits))
	t.Run("a sum of lines that overflows", func(t *testing.T) {
		for _, second := range []allocation.Quantity{1, mostUnits} {
			err := p.refuses(allocation.ErrInvalid, func() error {
				_, err := p.Allocate(monday, nil, split("x", mostUnits), split("x", second))
				return err
			})
			assert.Equal(t, mostUnits+second, requireInvalid(t, err, "Allocate", "quantity").Value, "Value")
		}
	})
	t.Run("a line that can't grow any more", func(t *testing.T) {
		p.refuses(allocation.ErrInvalid,
			func() error { _, err := p.ChangeLine(lineOf("o", mostUnits+1), monday, nil); return err })
	})
	t.Run("it ships and is counted", func(t *testing.T) {
		_, err := p.Ship("o", monday)
		require.NoError(t, err)
		_, err = p.ChangeBatchQuantity(counted("a", mostUnits, monday), monday, nil)
		require.NoError(t, err)
		assert.Equal(t, "0/9007199254740991", p.batch("a"), "allocated/purchased of batch a")
	})
}

func TestR12_BadTimes(t *testing.T) {
	early, late := time.Date(0, 12, 31, 23, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	lateThere := time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600)) // is the year 10000 in UTC
	fields := []struct {
		op, field string
		unset     bool // a zero time has a meaning
		verb      func(p *tested, at time.Time) error
	}{
		{"AddBatch", "eta", true, func(p *tested, at time.Time) error {
			return p.AddBatch(allocation.Batch{Ref: "x", SKU: lamp, Purchased: 1, ETA: at}, monday)
		}},
		{"AddBatch", "best before", true, func(p *tested, at time.Time) error {
			return p.AddBatch(allocation.Batch{Ref: "x", SKU: lamp, Purchased: 1, BestBefore: at}, monday)
		}},
		{"Allocate", "hold until", true, func(p *tested, at time.Time) error {
			_, err := p.Allocate(monday, nil, hold("x", 1, at))
			return err
		}},
		{
			"Extend", "hold until", false,
			func(p *tested, at time.Time) error { _, err := p.Extend("h", at, monday); return err },
		},
		{
			"ChangeBatchETA", "eta", false,
			func(p *tested, at time.Time) error { return slips(p, "b", at, monday) },
		},
		{"ReceiveBatch", "counted at", false, func(p *tested, at time.Time) error {
			_, err := p.ReceiveBatch(counted("b", 1, at), monday, nil)
			return err
		}},
		{"ChangeBatchQuantity", "counted at", false, func(p *tested, at time.Time) error {
			_, err := p.ChangeBatchQuantity(counted("a", 1, at), monday, nil)
			return err
		}},
	}
	for _, f := range fields {
		t.Run(f.op+" "+f.field, func(t *testing.T) {
			p := newTested(t, inWarehouse("a", 10), arriving("b", 10, 1))
			p.allocates(hold("h", 2, mondayPlus(1)))
			bad := []time.Time{early, late, lateThere}
			if !f.unset {
				bad = append(bad, time.Time{})
			}
			for _, at := range bad {
				err := p.refuses(allocation.ErrInvalid, func() error { return f.verb(p, at) })
				requireInvalid(t, err, f.op, f.field)
			}
		})
	}
}

func TestR12_AnAnnouncementPromisesNothing(t *testing.T) {
	p := newTested(t)
	b := inWarehouse("a", 5)
	b.Allocated = 1
	err := p.refuses(allocation.ErrInvalid, func() error { return p.AddBatch(b, monday) })
	requireInvalid(t, err, "AddBatch", "allocated")
}

func TestR12_FirstAndLastTimes(t *testing.T) {
	for name, eta := range map[string]time.Time{
		"first":        time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		"of year 1":    time.Date(1, 6, 1, 0, 0, 0, 0, time.UTC),
		"of year 9999": time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
		"last":         time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			p := newTested(t)
			require.NoError(t, p.AddBatch(allocation.Batch{Ref: "x", SKU: lamp, Purchased: 1, ETA: eta}, monday))
			for b := range p.Batches() {
				assert.Equal(t, eta, b.ETA, "ETA")
			}
		})
	}
	t.Run("less than a microsecond after no time at all", func(t *testing.T) {
		p := newTested(t)
		err := p.refuses(allocation.ErrInvalid, func() error {
			return p.AddBatch(allocation.Batch{Ref: "x", SKU: lamp, Purchased: 1, ETA: time.Time{}.Add(999)}, monday)
		})
		requireInvalid(t, err, "AddBatch", "eta")
	})
}
