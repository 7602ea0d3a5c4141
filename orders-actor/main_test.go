package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnknownCommandIsRefused(t *testing.T) {
	require.ErrorContains(t, command(t.Context(), []string{"rebuidl"}), `unknown command ["rebuidl"]`)
}
