package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPrintsSummary(t *testing.T) {
	var out bytes.Buffer
	assert.True(t, run(t.Context(), &out, 7, 20, 2))
	assert.Contains(t, out.String(), "20 histories from seed 7 in ")
	assert.Contains(t, out.String(), "no invariant violated")
}

func TestInterruptEndsRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	run(ctx, &out, 1, 1_000_000_000, 1)
	assert.Contains(t, out.String(), "0 histories")
}
