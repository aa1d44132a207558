package outbox_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

var noon = time.Date(2031, 3, 3, 12, 0, 0, 123_456_000, time.UTC)

// A changed algorithm would give every repeated event a new ID, and consumers would handle the event twice.
func TestIDNeverChanges(t *testing.T) {
	assert.Equal(t, "01c16f2d-fa7b-774b-b3c1-54553e146c47", outbox.ID("RED-LAMP", 1, noon), "ID")
	id, east := outbox.ID("RED-LAMP", 1, noon), time.FixedZone("", 3600)
	assert.Equal(t, id, outbox.ID("RED-LAMP", 1, noon.In(east)), "ID of the time in another zone")
	assert.Equal(t, id, outbox.ID("RED-LAMP", 1, noon.Add(999)), "ID of a time less than a microsecond later")
}

func TestIDIsAUUIDOfVersion7(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, at := range []time.Time{noon, time.Unix(0, 0), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)} {
		for sequence := range int64(200) {
			id := outbox.ID("RED-LAMP", sequence, at)
			require.Regexp(t, form, id)
			millis, err := strconv.ParseInt(strings.ReplaceAll(id, "-", "")[:12], 16, 64)
			require.NoError(t, err)
			require.Equal(t, at.UnixMilli(), millis, "milliseconds in %s", id)
			fraction, err := strconv.ParseInt(id[15:18], 16, 64)
			require.NoError(t, err)
			micros := (fraction*1000 + 4095) / 4096
			require.Equal(t, at.UnixMicro()%1000, micros, "microseconds in %s", id)
		}
	}
}

func TestIDsAreUnique(t *testing.T) {
	const each = 1000
	ids := make(map[string]bool, 100*each)
	for sku := range 100 {
		for sequence := range int64(each) {
			ids[outbox.ID(allocation.SKU(fmt.Sprint("SKU-", sku)), sequence, noon)] = true
		}
	}
	assert.Len(t, ids, 100*each, "ids of one moment")
	assert.NotEqual(t, outbox.ID("A", 1, noon), outbox.ID("A", 1, noon.Add(time.Microsecond)), "ids of two moments")
}

func TestIDsSortByTime(t *testing.T) {
	// IDs of times before 1970 sort in order as well, but after all IDs of later times.
	for _, first := range []time.Time{noon, time.Unix(0, 0), time.Unix(-1, 0)} {
		var ids []string
		for micros := range 3000 {
			at := first.Add(time.Duration(micros) * time.Microsecond)
			ids = append(ids, outbox.ID(allocation.SKU(fmt.Sprint(micros%7)), int64(micros%3), at))
		}
		assert.True(t, slices.IsSorted(ids), "ids of ascending microseconds are sorted")
	}
	assert.Less(t, outbox.ID("A", 1, noon.AddDate(0, -2, 0)), outbox.ID("A", 1, noon), "the earlier id")
}
