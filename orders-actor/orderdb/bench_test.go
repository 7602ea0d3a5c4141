package orderdb_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// BenchmarkCreate measures the first version of an order, which stores its search words.
func BenchmarkCreate(b *testing.B) {
	databases := map[string]string{"sqlite": filepath.Join(b.TempDir(), "view.db"), "postgres": postgres.Database(b)}
	for _, database := range []string{"sqlite", "postgres"} {
		db := open(b, databases[database])
		for _, lines := range []int{1, 3, 100} {
			items := make([]order.Item, lines)
			for i := range items {
				items[i] = order.Item{SKU: fmt.Sprintf("tea-%d", i), Name: fmt.Sprintf("Green tea %d of Uji, 100 g", i), Quantity: 1, UnitPrice: 450}
			}
			b.Run(fmt.Sprintf("%s/lines=%d", database, lines), func(b *testing.B) { benchmarkPut(b, db, items) })
		}
		// The most words that an order can have: each pair of characters is one.
		items := make([]order.Item, 100)
		for i := range items {
			var name strings.Builder
			for c := range 200 {
				name.WriteRune('一' + rune(i*200+c))
			}
			items[i] = order.Item{SKU: fmt.Sprintf("tea-%d", i), Name: name.String(), Quantity: 1, UnitPrice: 450}
		}
		b.Run(database+"/most words", func(b *testing.B) { benchmarkPut(b, db, items) })
	}
}

func benchmarkPut(b *testing.B, db *orderdb.DB, items []order.Item) {
	b.Helper()
	b.StopTimer()
	for range b.N {
		s := newOrder(b, "alice@example.com", start, items...)
		b.StartTimer()
		put(b, db, s)
		b.StopTimer()
	}
}
