package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// WriteLives writes two tables in Markdown: one with all figures, one with the CPU time by process.
func WriteLives(w io.Writer, lives []Life) {
	table(w, "system", "callers", "CPU ms per order", "× floor", "lives/s", "creates/s", "create p50 ms", "p99", "late p50 ms", "p99", "memory MB", "cores of others")
	for _, l := range lives {
		row(w, l.System, l.Callers, fmt.Sprintf("%.2f", l.CPU.Total()), factor(l, lives), fmt.Sprintf("%.0f", l.LivesPerSecond),
			fmt.Sprintf("%.0f", l.CreatesPerSecond), l.Create.P50, l.Create.P99, l.Late.P50, l.Late.P99, fmt.Sprintf("%.0f", l.Memory.Total()), fmt.Sprintf("%.1f", l.Others))
	}
	fmt.Fprintln(w)
	names := processNames(lives)
	table(w, append([]any{"CPU ms per order", "callers"}, names...)...)
	for _, l := range lives {
		cells := []any{l.System, l.Callers}
		for _, name := range names {
			cell := ""
			if ms, ok := l.CPU[name.(string)]; ok {
				cell = fmt.Sprintf("%.2f", ms)
			}
			cells = append(cells, cell)
		}
		row(w, cells...)
	}
}

// factor compares with the mean of the floor's measurements with as many callers.
func factor(l Life, lives []Life) string {
	var sum, n float64
	for _, other := range lives {
		if other.System == "floor" && other.Callers == l.Callers {
			sum, n = sum+other.CPU.Total(), n+1
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", l.CPU.Total()/(sum/n))
}

// processNames returns the names of all processes, those that use most CPU first.
func processNames(lives []Life) (names []any) {
	sum := Usage{}
	for _, l := range lives {
		for name, ms := range l.CPU {
			sum[name] += ms
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(sum), func(a, b string) int {
		return cmp.Or(cmp.Compare(sum[b], sum[a]), cmp.Compare(a, b))
	}) {
		names = append(names, name)
	}
	return names
}

func table(w io.Writer, columns ...any) {
	row(w, columns...)
	fmt.Fprintf(w, "|%s\n", strings.Repeat(" --- |", len(columns)))
}

func row(w io.Writer, cells ...any) {
	for _, cell := range cells {
		fmt.Fprintf(w, "| %v ", cell)
	}
	fmt.Fprintln(w, "|")
}

// WriteJSON writes the measurements to a file and creates its folder.
func WriteJSON(path string, measurements any) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	text, err := json.MarshalIndent(measurements, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}
