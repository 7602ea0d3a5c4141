module orders/stack

go 1.26.0

require (
	github.com/goccy/go-yaml v1.19.2
	golang.org/x/sync v0.25.0
	orders/kit v0.0.0
)

replace orders/kit => ../kit
