module orders/faults

go 1.26.4

require (
	github.com/jackc/pgx/v5 v5.9.2
	github.com/stretchr/testify v1.11.1
	modernc.org/sqlite v1.34.5
	orders/kit v0.0.0
	orders/orders-actor v0.0.0
	orders/payments-svc v0.0.0
	orders/stack v0.0.0
)

replace (
	orders/kit => ../kit
	orders/orders-actor => ../orders-actor
	orders/payments-svc => ../payments-svc
	orders/stack => ../stack
)
