module orders/faults

go 1.26

require (
	github.com/stretchr/testify v1.11.1
	orders/orders-actor v0.0.0
)

replace (
	orders/kit => ../kit
	orders/orders-actor => ../orders-actor
	orders/payments-svc => ../payments-svc
	orders/stack => ../stack
)
