package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/faults/bench/usage"
)

// TestMain runs the role of a process that the benchmark started from the tests' executable.
func TestMain(m *testing.M) {
	if is, err := Role(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	} else if !is {
		os.Exit(m.Run())
	}
}

// It runs the smallest measurements on the real stack, without looking at the times.
func TestSmallestCasesRun(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the whole product")
	}
	parts := []string{"orders-actor", "orders-actor.sidecar", "payments-svc", "payments-svc.sidecar", "scheduler", "placement", "sentry"}
	o := Options{
		Case: "life", Setup: SQLite, Systems: []string{"product", "floor"}, Callers: []int{4}, Orders: 20, Readers: []int{2}, Rounds: 1,
		Out: t.Output(),
	}
	tables, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, tables, 3)
	require.Len(t, tables[0].Rows, 2)
	assert.Positive(t, tables[0].Rows[0][2], "CPU time per order")
	assert.ElementsMatch(t, append(parts, "", "all"), tables[1].Columns)

	o.Case = "streams"
	tables, err = Run(t.Context(), o)
	require.NoError(t, err)
	assert.Equal(t, 2, tables[0].Rows[0][0], "readers")
}

func TestUnknownNamesAreErrors(t *testing.T) {
	_, err := Run(t.Context(), Options{Case: "lifes", Rounds: 1})
	require.EqualError(t, err, `unknown case "lifes"`)
	_, err = Run(t.Context(), Options{Case: "life", Systems: []string{"produkt"}, Callers: []int{1}, Rounds: 1, Out: t.Output()})
	require.EqualError(t, err, `life: produkt, 1 callers: unknown system "produkt"`)
}

func TestTableIsMarkdownAndJSON(t *testing.T) {
	table := processTable("CPU", []byProcess{{"product", usage.Amounts{"a": 1.26, "b": 3}}, {"floor", usage.Amounts{"b": 1}}}, 1)
	var text strings.Builder
	table.Write(&text)
	assert.Equal(t, "\nCPU\n\n|  | all | b | a |\n| --- | --- | --- | --- |\n| product | 4.3 | 3 | 1.3 |\n| floor | 1 | 1 |  |\n", text.String())
	encoded, err := json.Marshal(table)
	require.NoError(t, err)
	assert.JSONEq(t, `{"title": "CPU", "rows": [{"": "product", "all": 4.3, "b": 3, "a": 1.3}, {"": "floor", "all": 1, "b": 1, "a": ""}]}`, string(encoded))
}
