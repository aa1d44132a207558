package yardstick

import (
	"context"
	"debug/buildinfo"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// TestACommitIsOneMoreSide compares the working tree with the oldest commit in every kind of contest, or with the
// current commit in a clone without the oldest.
func TestACommitIsOneMoreSide(t *testing.T) {
	ctx := t.Context()
	needRepository(ctx, t)
	commit := oldest
	if _, err := git(ctx, ".", "cat-file", "-e", oldest+"^{commit}"); err != nil {
		commit = "HEAD"
	}
	programs, err := build(ctx, t.TempDir(), commit)
	require.NoError(t, err)
	assert.Equal(t, "../..", libraryOf(t, programs.new), "library of the new side")
	tree := filepath.Join(filepath.Dir(programs.old), "tree")
	assert.Equal(t, tree, libraryOf(t, programs.old), "library of the old side")

	engine, err := harness.ByName("sqlite")
	require.NoError(t, err)
	at := &place{&harness.Place{Engine: engine, Folder: t.TempDir()}}
	var out strings.Builder
	results, err := at.against(ctx, programs, "", tiny, &out)
	require.NoError(t, err)
	require.Len(t, results, len(tiny.contests()))
	for _, r := range results {
		for _, one := range r.sides {
			assert.Len(t, one.speeds, tiny.least, "turns of %s in %s", one.name, r.Name)
			assert.Positive(t, harness.Quantile(one.speeds, 0), "orders of %s in %s", one.name, r.Name)
		}
		ratios := ` \d+\.\d\d \(\d+\.\d\d to \d+\.\d\d\), the commit against itself `
		assert.Regexp(t, `(?m)^against sqlite `+r.Name+ratios, out.String())
	}
}

func TestAnUnknownCommitIsRefused(t *testing.T) {
	needRepository(t.Context(), t)
	_, err := build(t.Context(), t.TempDir(), "no-such-commit")
	assert.ErrorContains(t, err, "no-such-commit")
}

// needRepository skips a test where the sources are no clone.
func needRepository(ctx context.Context, t *testing.T) {
	t.Helper()
	if _, err := git(ctx, ".", "rev-parse", "HEAD"); err != nil {
		t.Skip("the history of the repository is needed: ", err)
	}
}

// libraryOf is the folder from which a program has the library.
func libraryOf(t *testing.T, program string) string {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	for _, module := range info.Deps {
		if module.Path == libraryModule && module.Replace != nil {
			return module.Replace.Path
		}
	}
	t.Fatalf("%s has no library", program)
	return ""
}

func TestAResultIsCertainOnceItsMedianIsAndTheCommitIsAsFastAsItself(t *testing.T) {
	steady, wide := []float64{99, 100, 100, 101}, []float64{60, 80, 120, 140}
	slower := []float64{95, 95, 95, 95}
	for name, row := range map[string]struct {
		fresh, again []float64
		times        int // that each speed came
		want         bool
	}{
		"steady":                  {steady, steady, 1, true},
		"slower than the commit":  {slower, steady, 1, true},
		"too wide for few rounds": {wide, steady, 1, false},
		"two heaps of any number": {wide, steady, 100, false},
		"outliers in many rounds": {append([]float64{50, 150}, slices.Repeat(steady, 4)...), steady, 100, true},
		"unlike itself":           {steady, slower, 100, false},
		"itself too wide":         {steady, wide, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			fresh := slices.Repeat(row.fresh, row.times)
			base := slices.Repeat([]float64{100}, len(fresh))
			again := slices.Repeat(row.again, len(fresh))[:len(fresh)]
			r := &result{sides: []*contestant{{speeds: fresh}, {speeds: base}, {speeds: again}}}
			assert.Equal(t, row.want, r.certain(), "new %s, itself %s", r.ratio(), r.itself())
		})
	}
}
