package views_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

func TestAKeyIsTheSameAfterALink(t *testing.T) {
	for _, want := range []views.Key{
		{},
		views.Due{At: noon.Add(time.Microsecond), Kind: views.DueHold, SKU: "a/b?", OrderID: "ö-1", Line: "x"}.Key(),
		views.Due{At: noon, Kind: views.DueLate, SKU: "s", Batch: "b", OrderID: "o"}.Key(),
		views.Entry{SKU: "s", Sequence: 7}.Key(),
		views.LotLine{Batch: "b", BatchLine: views.BatchLine{HeldUntil: noon, Priority: -3, Sequence: 9}}.Key(),
		{Rank: allocation.Rank{Sequence: 1}},
	} {
		text, err := want.MarshalText()
		require.NoError(t, err)
		assert.Regexp(t, `^[\w-]*$`, string(text), "text of %+v", want)
		got := views.Key{SKU: "another"}
		require.NoError(t, got.UnmarshalText(text))
		assert.Equal(t, want, got, "read from text")
	}
}

func TestAKeyRefusesOtherText(t *testing.T) {
	for _, text := range []string{"?", "e30", "eyJza3UiOjF9", "bm8"} {
		var k views.Key
		err := k.UnmarshalText([]byte(text))
		if text == "e30" { // {}
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, allocation.ErrInvalid, text)
		var invalid *allocation.Error
		require.ErrorAs(t, err, &invalid)
		assert.Equal(t, "key", invalid.Field)
	}
}

func TestRowsThatAreDueAreSorted(t *testing.T) {
	sorted := []views.Due{
		{At: noon, Kind: views.DueArrival, SKU: "z"},
		{At: noon, Kind: views.DueHold, SKU: "a", OrderID: "o1"},
		{At: noon, Kind: views.DueHold, SKU: "a", OrderID: "o1", Line: "x"},
		{At: noon, Kind: views.DueHold, SKU: "a", OrderID: "o2"},
		{At: noon, Kind: views.DueLate, SKU: "a", Batch: "b1", OrderID: "o2"},
		{At: noon, Kind: views.DueLate, SKU: "a", Batch: "b2", OrderID: "o1"},
		{At: noon.Add(time.Microsecond), Kind: views.DueArrival, SKU: "a"},
	}
	for i, d := range sorted {
		assert.True(t, d.IsBehind(views.Key{}), "behind the start of the list")
		for j, other := range sorted {
			assert.Equal(t, i > j, d.Compare(other) > 0, "row %d is behind row %d", i, j)
			assert.Equal(t, i > j, d.IsBehind(other.Key()), "row %d is behind the key of row %d", i, j)
		}
	}
}
