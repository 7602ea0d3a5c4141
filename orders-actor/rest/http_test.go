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

func TestMetricsKeepTheirLabels(t *testing.T) {
	s := start(t)
	s.call("alice", "POST", "/v1/orders", tea)
	s.call("alice", "GET", "/v1/orders", "")
	a := s.call("", "GET", "/metrics", "")
	assert.Equal(t, 200, a.StatusCode)
	assert.Contains(t, string(a.body), `method="POST",route="/v1/orders",status="201"`)
}
