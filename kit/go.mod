module orders/kit

go 1.26
