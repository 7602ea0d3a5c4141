package sqldb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultLimitLeavesListConns(t *testing.T) {
	require.Equal(t, ListConns, listConns(DefaultMaxConns))
	require.Positive(t, listConns(MinMaxConns))
}
