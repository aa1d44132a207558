package allocation_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// odd converts a time into a form that every store changes: in another zone, with nanoseconds.
func odd(t time.Time) time.Time {
	return t.In(time.FixedZone("somewhere", -5*3600)).Add(123 * time.Nanosecond)
}

// everything drives one product through all verbs; every time argument passes through convert.
func everything(t *testing.T, convert func(time.Time) time.Time) *tested {
	t.Helper()
	p := newTested(t)
	now := convert(monday)
	bought := arriving("b", 10, 2)
	bought.ETA, bought.BestBefore = convert(bought.ETA), convert(mondayPlus(50))
	require.NoError(t, p.AddBatch(inWarehouse("a", 9), now))
	require.NoError(t, p.AddBatch(bought, now))
	require.NoError(t, slips(p, "b", convert(mondayPlus(3)), now))
	require.NoError(t, p.SetLowStock(10, now))
	until := convert(mondayPlus(1))
	_, err := p.Allocate(now, nil, whole("1", 5), split("2", 6), hold("3", 2, until), hold("4", 1, until))
	require.NoError(t, err)
	_, err = p.Extend("3", convert(mondayPlus(2)), now)
	require.NoError(t, err)
	_, err = p.ChangeLine(lineOf("3", 3), now, nil)
	require.NoError(t, err)
	_, err = p.Confirm("3", now)
	require.NoError(t, err)
	_, err = p.ReceiveBatch(counted("b", 8, now), now, nil)
	require.NoError(t, err)
	_, err = p.ShipPart(lineOf("2", 5), now)
	require.NoError(t, err)
	_, err = p.Ship("1", now)
	require.NoError(t, err)
	p.Sweep(convert(mondayPlus(1)))
	_, err = p.ChangeBatchQuantity(counted("b", 1, convert(mondayPlus(1))), convert(mondayPlus(1)), nil)
	require.NoError(t, err)
	_, err = p.Cancel("2", now)
	require.NoError(t, err)
	return p
}

func TestR11_TimesAreInUTCAndCutToMicroseconds(t *testing.T) {
	exact, cut := everything(t, func(t time.Time) time.Time { return t }), everything(t, odd)
	assert.Equal(t, exact.snapshot(), cut.snapshot(), "what the product is, whatever the zone and the nanoseconds")
	seen := 0
	eachTime(reflect.ValueOf(cut.Changes()), func(at time.Time) {
		seen++
		assert.Equal(t, time.UTC, at.Location(), "location of %v", at)
		assert.Zero(t, at.Nanosecond()%1000, "nanoseconds of %v", at)
	})
	assert.Greater(t, seen, 20, "times in the changes")
}

// eachTime visits every time in a value.
func eachTime(v reflect.Value, visit func(time.Time)) {
	if at, is := reflect.TypeAssert[time.Time](v); is {
		visit(at)
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		eachTime(v.Elem(), visit)
	case reflect.Slice:
		for i := range v.Len() {
			eachTime(v.Index(i), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			eachTime(v.Field(i), visit)
		}
	}
}

func TestR11_TheSameArgumentsGiveTheSameResult(t *testing.T) {
	convert := func(t time.Time) time.Time { return t }
	first, err := json.Marshal(everything(t, convert).Changes())
	require.NoError(t, err)
	for range 5 {
		again, err := json.Marshal(everything(t, convert).Changes())
		require.NoError(t, err)
		require.JSONEq(t, string(first), string(again), "changes of the same commands at the same times")
	}
}

func TestR11_HoldIsCutBeforeItIsCompared(t *testing.T) {
	p := newTested(t, inWarehouse("a", 9))
	t.Run("a hold within the present microsecond is over", func(t *testing.T) {
		p.refuses(allocation.ErrInvalid, func() error {
			_, err := p.Allocate(monday, nil, hold("h", 1, monday.Add(999*time.Nanosecond)))
			return err
		})
	})
	t.Run("so is the present moment", func(t *testing.T) {
		_, err := p.Allocate(monday.Add(999*time.Nanosecond), nil, hold("h", 1, monday.Add(time.Microsecond)))
		require.NoError(t, err)
	})
	t.Run("a count of the present microsecond isn't in the future", func(t *testing.T) {
		_, err := p.ChangeBatchQuantity(counted("a", 8, monday.Add(999*time.Nanosecond)), monday, nil)
		require.NoError(t, err)
	})
	t.Run("a count more than a minute later is", func(t *testing.T) {
		p.refuses(allocation.ErrInvalid, func() error {
			_, err := p.ChangeBatchQuantity(counted("a", 8, monday.Add(time.Minute+time.Microsecond)), monday, nil)
			return err
		})
		_, err := p.ChangeBatchQuantity(counted("a", 8, monday.Add(time.Minute+999*time.Nanosecond)), monday, nil)
		require.NoError(t, err)
	})
}
