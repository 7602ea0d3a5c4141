module orders/stack

go 1.26.4

require (
	github.com/goccy/go-yaml v1.19.2
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/google/uuid v1.6.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/sync v0.25.0
	orders/kit v0.0.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace orders/kit => ../kit
