module orders/deploy

go 1.26
