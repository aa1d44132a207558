package memory

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type number int

func (n number) compare(other number) int { return cmp.Compare(n, other) }

// TestOrderedIsASortedSet compares with a plain set, on random changes and on those in one direction.
func TestOrderedIsASortedSet(t *testing.T) {
	const most = 3000
	random := rand.New(rand.NewPCG(1, 2))
	for name, next := range map[string]func(i int) number{
		"random":     func(int) number { return number(random.IntN(most)) },
		"ascending":  func(i int) number { return number(i % most) },
		"descending": func(i int) number { return number(most - i%most) },
	} {
		t.Run(name, func(t *testing.T) {
			var o ordered[number]
			set := map[number]bool{}
			for i := range 3 * most {
				e := next(i)
				if set[e] || i > most && random.IntN(2) == 0 {
					o.remove(e)
					delete(set, e)
				} else {
					o.insert(e)
					set[e] = true
				}
				if i%100 == 0 {
					same(t, set, &o, number(random.IntN(most)))
				}
			}
			for e := range set {
				o.remove(e)
			}
			_, found := o.first()
			assert.False(t, found)
			assert.Empty(t, o.blocks)
		})
	}
}

func same(t *testing.T, set map[number]bool, o *ordered[number], from number) {
	t.Helper()
	var wanted, back []number
	for e := range set {
		wanted = append(wanted, e)
	}
	slices.Sort(wanted)
	require.Equal(t, wanted, slices.Collect(o.all()))
	for e := range o.backward() {
		back = append(back, e)
	}
	slices.Reverse(back)
	require.Equal(t, wanted, back)
	at, _ := slices.BinarySearch(wanted, from)
	require.Len(t, slices.Collect(o.from(func(e number) bool { return e >= from })), len(wanted[at:]))
	for _, block := range o.blocks {
		require.LessOrEqual(t, len(block), maxBlock)
		require.NotEmpty(t, block)
	}
}
