package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"orders/faults/bench/usage"
)

// Table is a table of results.
type Table struct {
	Title   string
	Columns []string
	Rows    [][]any
}

func newTable(title string, columns ...string) Table { return Table{Title: title, Columns: columns} }

func (t *Table) add(cells ...any) { t.Rows = append(t.Rows, cells) }

// Write writes the table in Markdown.
func (t Table) Write(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n\n| %s |\n|%s\n", t.Title, strings.Join(t.Columns, " | "), strings.Repeat(" --- |", len(t.Columns)))
	for _, row := range t.Rows {
		for _, cell := range row {
			fmt.Fprintf(w, "| %v ", cell)
		}
		fmt.Fprintln(w, "|")
	}
}

// MarshalJSON encodes each row as an object with the columns as keys.
func (t Table) MarshalJSON() ([]byte, error) {
	rows := []map[string]any{}
	for _, cells := range t.Rows {
		row := map[string]any{}
		for i, cell := range cells {
			row[t.Columns[i]] = cell
		}
		rows = append(rows, row)
	}
	return json.Marshal(map[string]any{"title": t.Title, "rows": rows})
}

// WriteJSON writes the tables to a file and creates its folder.
func WriteJSON(path string, tables []Table) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	text, err := json.MarshalIndent(tables, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// byProcess is a measurement of all processes.
type byProcess struct {
	label   string
	amounts usage.Amounts
}

// processTable returns a table with a column for each process, those with the largest amounts first.
func processTable(title string, measurements []byProcess, digits int) Table {
	sum := usage.Amounts{}
	for _, m := range measurements {
		for name, amount := range m.amounts {
			sum[name] += amount
		}
	}
	names := slices.SortedFunc(maps.Keys(sum), func(a, b string) int { return cmp.Or(cmp.Compare(sum[b], sum[a]), cmp.Compare(a, b)) })
	t := newTable(title, append([]string{"", "all"}, names...)...)
	for _, m := range measurements {
		cells := []any{m.label, round(m.amounts.Total(), digits)}
		for _, name := range names {
			if amount, ok := m.amounts[name]; ok {
				cells = append(cells, round(amount, digits))
			} else {
				cells = append(cells, "")
			}
		}
		t.add(cells...)
	}
	return t
}

func round(x float64, digits int) float64 {
	shift := math.Pow10(digits)
	return math.Round(x*shift) / shift
}
