module orders/payments-svc

go 1.26
