package harness

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGapsAreFound(t *testing.T) {
	for _, missing := range [][]int64{nil, {1}, {9}, {4, 5}, {1, 5, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		behind := func(number int64) (n int, _ error) {
			for ; number < 9; number++ {
				if !slices.Contains(missing, number+1) {
					n++
				}
			}
			return n, nil
		}
		got, err := gaps(0, 9, 9-len(missing), behind)
		require.NoError(t, err)
		assert.Equal(t, missing, got)
	}
}
