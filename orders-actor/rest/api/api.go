// Package api is the REST contract as Go sees it: the models that oapi-codegen makes from api/openapi.yaml, and that
// file itself, copied here so that it can be embedded. Both are generated; a test fails when they are stale.
package api

import _ "embed"

//go:generate cp ../../../api/openapi.yaml openapi.yaml
//go:generate env GOWORK=off go tool -modfile=../../../tools/oapi-codegen/go.mod oapi-codegen -config codegen.yaml -o models.gen.go openapi.yaml

// Contract is api/openapi.yaml.
//
//go:embed openapi.yaml
var Contract []byte
