package stack_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Services on kit have other domains than orders. depguard holds the imports, this test the texts.
func TestKitKnowsNoOrder(t *testing.T) {
	domain := regexp.MustCompile(`(?i:\borders\b|\borders-actor\b|\bpayments?\b|\b(an|the) order\b)|\bOrders?\b|Order(ID|DB|Not|Removed)`)
	module := regexp.MustCompile(`\borders/[a-z/-]+`)
	allowed := map[string]string{
		"../kit/actors/seal.go": "orders actor seal", // part of the wire format
	}
	files := 0
	for _, folder := range []string{"../kit", "../examples"} {
		require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			text := module.ReplaceAllString(read(t, path), "")
			if known, ok := allowed[path]; ok {
				text = strings.ReplaceAll(text, known, "")
			}
			assert.Empty(t, domain.FindAllString(text, -1), path)
			return nil
		}))
	}
	assert.Greater(t, files, 40, "files are read from the wrong folder")
}
