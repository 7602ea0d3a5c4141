module orders/orders-actor

go 1.26.4
