module orders/faults

go 1.26
