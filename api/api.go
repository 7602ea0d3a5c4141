// Package api is what the parts of the product agree on: the REST contract, the order's state machine and the search cases,
// which Go and TypeScript read from the same files, and the Go models generated from the contract. Its client is in
// package client.
package api

import _ "embed"

//go:generate env GOWORK=off go tool -modfile=../tools/oapi-codegen/go.mod oapi-codegen -config codegen.yaml -o models.gen.go openapi.yaml
//go:generate env GOWORK=off go tool -modfile=../tools/oapi-codegen/go.mod oapi-codegen -config client/codegen.yaml -o client/client.gen.go openapi.yaml

// Contract is openapi.yaml.
//
//go:embed openapi.yaml
var Contract []byte

// OrderMachine is order-machine.json: the statuses of an order and the transitions between them.
//
//go:embed order-machine.json
var OrderMachine []byte

// SearchCases is search-cases.json: texts, searches, and whether they match.
//
//go:embed search-cases.json
var SearchCases []byte
