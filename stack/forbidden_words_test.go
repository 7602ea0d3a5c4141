package stack_test

import (
	"bufio"
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

type word struct {
	pattern *regexp.Regexp
	instead string
}

func TestTextsUseNoForbiddenWord(t *testing.T) {
	list := words(t)
	read := 0
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		skipped := []string{".git", "bin", "node_modules", "dist", ".data", "testdata"}
		if entry.IsDir() && slices.Contains(skipped, entry.Name()) {
			return filepath.SkipDir
		}
		if !entry.Type().IsRegular() || !isText(path) {
			return nil
		}
		read++
		return checkWords(t, path, list)
	}))
	assert.Greater(t, read, 300, "files are read from the wrong folder")
}

func TestWordListMatchesWholeWordsOnly(t *testing.T) {
	list := words(t)
	assert.Equal(t, "name the role: the client, the caller, an operator, a replica", insteadOf("Somebody waits", list))
	assert.Empty(t, insteadOf(`json:"voidOwed"`, list))
	assert.Empty(t, insteadOf("amendment", list))
}

func isText(path string) bool {
	switch name := filepath.Base(path); name {
	case "forbidden-words.txt", "forbidden_words_test.go", "package-lock.json", "CODE_OF_CONDUCT.md", "LICENSE":
		return false
	case "Makefile", "Dockerfile":
		return true
	}
	extensions := []string{".go", ".md", ".ts", ".tsx", ".js", ".css", ".html", ".yaml", ".yml", ".sh", ".sql", ".tpl", ".txt", ".json"}
	return slices.Contains(extensions, filepath.Ext(path))
}

func words(t *testing.T) (list []word) {
	t.Helper()
	for line := range strings.Lines(read(t, "../docs/forbidden-words.txt")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		pattern, instead, ok := strings.Cut(strings.TrimSpace(line), "\t")
		require.True(t, ok, line)
		list = append(list, word{regexp.MustCompile(`(?i)\b(` + pattern + `)\b`), instead})
	}
	return list
}

func checkWords(t *testing.T, path string, list []word) error {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if instead := insteadOf(lines.Text(), list); instead != "" {
			t.Errorf("%s:%d: write %q instead: %s", path, n, instead, strings.TrimSpace(lines.Text()))
		}
	}
	return lines.Err()
}

// insteadOf returns what to write instead of a listed word in a line, or "".
func insteadOf(line string, list []word) string {
	for _, w := range list {
		if w.pattern.MatchString(line) {
			return w.instead
		}
	}
	return ""
}
