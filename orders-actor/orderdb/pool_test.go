package orderdb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultPoolRunsListConnsListsAtOnce(t *testing.T) {
	require.Equal(t, ListConns, listConns(DefaultMaxConns))
	require.Positive(t, listConns(MinMaxConns))
}
