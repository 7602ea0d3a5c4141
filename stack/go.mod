module orders/stack

go 1.26
