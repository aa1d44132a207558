package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/examples/internal/wire"
)

func TestEveryFieldOfALineReachesTheRequest(t *testing.T) {
	line, err := wire.Decode[wire.Line]([]byte(`{"sku":"MILK","line":"gift","quantity":5,"split":true,"partial":true,
		"wait":true,"hold_until":"2027-05-01T12:00:00Z","hold_for":"15m","needed_by":"2027-05-02T12:00:00Z",
		"fresh_until":"2027-05-03T12:00:00Z","location":"north","priority":-3}`))
	require.NoError(t, err)
	requests, err := wire.Requests("o1", []wire.Line{line})
	require.NoError(t, err)
	day := func(n int) time.Time { return time.Date(2027, 5, n, 12, 0, 0, 0, time.UTC) }
	require.Equal(t, []allocation.Request{{
		OrderLine: allocation.OrderLine{OrderID: "o1", SKU: "MILK", Line: "gift", Quantity: 5},
		Split:     true, Partial: true, Wait: true, HoldUntil: day(1), HoldFor: 15 * time.Minute, NeededBy: day(2),
		FreshUntil: day(3), Location: "north", Priority: -3,
	}}, requests)
}

func TestEveryFieldOfABatchReachesTheAnnouncement(t *testing.T) {
	in, err := wire.Decode[wire.Batch]([]byte(`{"ref":"b1","sku":"MILK","quantity":5,"eta":"2027-05-01T12:00:00Z",
		"location":"north","best_before":"2027-05-02T12:00:00Z","lot":"L-7","blocked":"wet"}`))
	require.NoError(t, err)
	b, err := in.Announced()
	require.NoError(t, err)
	arrival := time.Date(2027, 5, 1, 12, 0, 0, 0, time.UTC)
	require.Equal(t, allocation.Batch{
		Ref: "b1", SKU: "MILK", Purchased: 5, ETA: arrival, Location: "north", BestBefore: arrival.AddDate(0, 0, 1),
		Lot: "L-7", Blocked: "wet",
	}, b)
}

func TestATextThatIsNotUnderstoodInFullIsRefused(t *testing.T) {
	for text, field := range map[string]string{
		`{"sku":"A","colour":"red"}`:       "colour",
		`{"SKU":"A"}`:                      "SKU",
		`{"sku":"A","sku":"B"}`:            "sku",
		`{"sku":"A","quantity":"1"}`:       "quantity",
		`{"sku":"A","quantity":0.5}`:       "quantity",
		`{"sku":"A","wait":"yes"}`:         "wait",
		`["A"]`:                            "body",
		`{"sku":"A","hold_for":"a while"}`: "hold_for",
		`{"sku":"A","hold_for":"0s"}`:      "hold_for",
		`{"sku":"A","hold_for":"-1s"}`:     "hold_for",
		`{"sku":"A","hold_until":"soon"}`:  "hold_until",
		`{"sku":"A","needed_by":"soon"}`:   "needed_by",
		`{"sku":"A","fresh_until":"2027"}`: "fresh_until",
		``:                                 "",
		`milk`:                             "",
		`{"sku":`:                          "",
		`{"sku":"A"}{}`:                    "",
		"{\"sku\":\"\xff\"}":               "",
	} {
		t.Run(text, func(t *testing.T) {
			line, err := wire.Decode[wire.Line]([]byte(text))
			if err == nil {
				_, err = wire.Requests("o1", []wire.Line{line})
			}
			require.ErrorIs(t, err, allocation.ErrInvalid)
			if field == "" {
				var syntax *wire.SyntaxError
				require.ErrorAs(t, err, &syntax)
				assert.NotEmpty(t, syntax.Detail)
				return
			}
			var about *allocation.Error
			require.ErrorAs(t, err, &about)
			assert.Equal(t, field, about.Field)
		})
	}
}
