package stack_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadmeListsEverySetting(t *testing.T) {
	readme := read(t, "../README.md")
	setting := regexp.MustCompile(`env\.\w+\("([A-Z][A-Z_]+)"`)
	found := 0
	for _, file := range []string{"../orders-actor/config.go", "../payments-svc/config.go", "../kit/telemetry/tracing.go"} {
		for _, match := range setting.FindAllStringSubmatch(read(t, file), -1) {
			if strings.HasPrefix(match[1], "DAPR_") { // Dapr sets these
				continue
			}
			assert.Contains(t, readme, "`"+match[1]+"`", "%s reads a setting that README.md doesn't list", file)
			found++
		}
	}
	assert.Greater(t, found, 20, "the regular expression no longer matches the settings")
}

func TestReadmeListsEveryTransition(t *testing.T) {
	readme := read(t, "../README.md")
	var machine struct {
		Transitions []struct{ From, Event, To string }
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "../api/order-machine.json")), &machine))
	for _, tr := range machine.Transitions {
		assert.Contains(t, readme, "| "+tr.From+" | "+tr.Event+" | "+tr.To+" |")
	}
	assert.Equal(t, len(machine.Transitions)+2, strings.Count(section(readme, "| from | event | to |", "\n\n"), "\n")+1)
}

func TestLinksPointToExistingFiles(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	adrs, err := filepath.Glob("../docs/adr/*.md")
	require.NoError(t, err)
	link := regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)
	front, err := filepath.Glob("../*.md")
	require.NoError(t, err)
	for _, page := range slices.Concat(pages, adrs, front, []string{"../helm/README.md", "../kit/actors/README.md", "../examples/seat/README.md"}) {
		for _, match := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(match[1], "://") || strings.HasPrefix(match[1], "/") {
				continue
			}
			_, err := os.Stat(filepath.Join(filepath.Dir(page), match[1]))
			assert.NoError(t, err, "a link of %s", page)
		}
	}
}

func TestADRIndexListsEveryDecision(t *testing.T) {
	adrs, err := filepath.Glob("../docs/adr/0*.md")
	require.NoError(t, err)
	require.NotEmpty(t, adrs)
	index := read(t, "../docs/adr/README.md")
	for _, adr := range adrs {
		number, title, _ := strings.Cut(strings.TrimPrefix(strings.SplitN(read(t, adr), "\n", 2)[0], "# "), ": ")
		assert.Contains(t, index, "| ["+number+"]("+filepath.Base(adr)+") | "+title+" |")
	}
}

// Documents name tests as evidence. A renamed test must be renamed in them too.
func TestTestsNamedInDocumentsExist(t *testing.T) {
	tests := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == "bin" || path != ".." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if err == nil && strings.HasSuffix(path, "_test.go") {
			for _, match := range function.FindAllStringSubmatch(read(t, path), -1) {
				tests[match[1]] = true
			}
		}
		return err
	}))
	pages, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	adrs, err := filepath.Glob("../docs/adr/*.md")
	require.NoError(t, err)
	for _, page := range slices.Concat(pages, adrs, []string{"../CONTRIBUTING.md"}) {
		for _, name := range regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(read(t, page), -1) {
			assert.True(t, tests[name], "%s names %s, which doesn't exist", page, name)
		}
	}
}

func section(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	body, _, _ := strings.Cut(rest, to)
	return from + body
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}
