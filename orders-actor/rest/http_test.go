package rest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What one request leaves behind in a connection's buffers is none of the next one's business.
func TestAnEmptyKeyHarmsNoOther(t *testing.T) {
	s := start(t)
	empty := s.request("alice", "POST", "/v1/orders", tea)
	empty.Header["Idempotency-Key"] = []string{""}
	assert.Equal(t, 400, s.do(empty).StatusCode)
	assert.Equal(t, 201, s.call("alice", "POST", "/v1/orders", tea).StatusCode)
}
