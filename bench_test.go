package allocation_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// BenchmarkAllocate places one line through the Service on the memory store, beside more and more earlier lines
// and open batches.
func BenchmarkAllocate(b *testing.B) {
	for _, size := range []struct{ lines, batches int }{{0, 1}, {100_000, 1}, {0, 100}, {0, 1000}} {
		b.Run(fmt.Sprintf("lines=%d/batches=%d", size.lines, size.batches), func(b *testing.B) {
			store := memory.New()
			service := newService(b, allocation.NewUnitOfWork(store, nil), nil)
			ctx := b.Context()
			for i := range size.batches {
				err := service.AddBatch(ctx, allocation.Batch{
					Ref: allocation.BatchRef(fmt.Sprint("b", i)), SKU: "LAMP",
					Purchased: 1 << 40, ETA: time.Unix(int64(i), 0),
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			next := 0
			place := func() error {
				next++
				_, err := service.Allocate(ctx, allocation.Request{OrderLine: allocation.OrderLine{
					OrderID: allocation.OrderID(fmt.Sprint("o", next)), SKU: "LAMP", Quantity: 1,
				}})
				return err
			}
			for range size.lines {
				if err := place(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if err := place(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
