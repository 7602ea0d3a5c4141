package words_test

import (
	"fmt"
	"testing"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/words"
)

// BenchmarkOfOrder measures the search words of an order.
func BenchmarkOfOrder(b *testing.B) {
	for _, items := range []int{1, 100} {
		o := order.Order{ID: "01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77", Customer: "alice"}
		for i := range items {
			o.Items = append(o.Items, order.Item{SKU: fmt.Sprintf("tea-%d", i), Name: "Green tea of Uji, 100 g", Quantity: 1, UnitPrice: 450})
		}
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				words.OfOrder(o)
			}
		})
	}
}
