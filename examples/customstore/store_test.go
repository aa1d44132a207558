package customstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/examples/customstore"
	"github.com/cosmic-go/allocation/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The store declares every topic except the topics of optional abilities: the store belongs to one process, keeps no
// events, has no locks, and answers no views.
func TestStoreKeepsItsPromises(t *testing.T) {
	folders := map[allocation.Store]string{}
	storetest.Run(t, storetest.Config{
		New: func(t testing.TB) allocation.Store {
			folder := t.TempDir()
			store := customstore.New(folder)
			folders[store] = folder
			return store
		},
		Reopen: func(_ testing.TB, store allocation.Store) allocation.Store {
			again := customstore.New(folders[store])
			folders[again] = folders[store]
			return again
		},
		Topics: []storetest.Topic{
			storetest.Load, storetest.Values, storetest.Commit, storetest.Isolation, storetest.Context,
			storetest.Aggregate, storetest.Durability,
		},
	})
}

func TestServiceOverTheStore(t *testing.T) {
	ctx := context.Background()
	service, err := allocation.New(allocation.NewUnitOfWork(customstore.New(t.TempDir()), nil), nil)
	require.NoError(t, err)
	require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b1", SKU: "lamp", Purchased: 5}))
	line := allocation.OrderLine{OrderID: "o1", SKU: "lamp", Quantity: 3}
	first, err := service.Allocate(ctx, allocation.Request{OrderLine: line})
	require.NoError(t, err)
	again, err := service.Allocate(ctx, allocation.Request{OrderLine: line})
	require.NoError(t, err)
	require.Equal(t, first, again, "R3: a repeat answers what the first call did")

	_, err = service.Reconcile(ctx, "lamp")
	require.ErrorIs(t, err, errors.ErrUnsupported, "a store without the ability says so")
}

func TestACommitThatCannotBeWrittenLeavesTheFileAsItWas(t *testing.T) {
	ctx := context.Background()
	folder := t.TempDir()
	service, err := allocation.New(allocation.NewUnitOfWork(customstore.New(folder), nil), nil)
	require.NoError(t, err)
	require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b1", SKU: "lamp", Purchased: 5}))
	before, err := os.ReadFile(filepath.Join(folder, "products.json"))
	require.NoError(t, err)

	// A folder in the new file's place makes writing fail, for every user, root included.
	require.NoError(t, os.Mkdir(filepath.Join(folder, "products.json.new"), 0o700))
	require.Error(t, service.AddBatch(ctx, allocation.Batch{Ref: "b2", SKU: "lamp", Purchased: 5}))
	after, err := os.ReadFile(filepath.Join(folder, "products.json"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

func TestAFileThatWasChangedByHandCannotOversell(t *testing.T) {
	ctx := context.Background()
	folder := t.TempDir()
	file := filepath.Join(folder, "products.json")
	units := allocation.NewUnitOfWork(customstore.New(folder), nil)
	service, err := allocation.New(units, nil)
	require.NoError(t, err)
	require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b1", SKU: "lamp", Purchased: 5}))
	for name, change := range map[string][2]string{
		"a quantity": {`"Purchased":5`, `"Purchased":2`},
		"a name":     {`"Ref":"b1"`, `"Ref":"b2"`},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			byHand := strings.Replace(string(text), change[0], change[1], 1)
			require.NotEqual(t, string(text), byHand)
			require.Error(t, units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
				p, err := products.Get(ctx, "lamp", "o1")
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(file, []byte(byHand), 0o600))
				_, err = p.Allocate(products.Now(), nil, allocation.Request{
					OrderLine: allocation.OrderLine{OrderID: "o1", SKU: "lamp", Quantity: 3},
				})
				return err
			}))
			after, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, byHand, string(after))
			require.NoError(t, os.WriteFile(file, text, 0o600))
		})
	}
}
