package e2e

import (
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// It runs all commands of docs/using-the-api.md in one shell and checks that each block prints the lines that the page shows.
func TestUsingTheAPIPageMatchesService(t *testing.T) {
	page, err := os.ReadFile("../../docs/using-the-api.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```(sh|text)\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(blocks), 20, "the regular expression no longer matches the commands")

	script := []string{"set -euo pipefail\n"}
	var printed [][]string // by command block
	for _, block := range blocks {
		if block[1] == "text" {
			last := len(printed) - 1
			printed[last] = append(printed[last], strings.Split(strings.TrimSpace(block[2]), "\n")...)
			continue
		}
		script = append(script, fmt.Sprintf("echo '== block %d'\n", len(printed)), block[2])
		printed = append(printed, nil)
	}
	service, err := url.Parse(shared.URL())
	require.NoError(t, err)
	front := httptest.NewServer(&httputil.ReverseProxy{ // checks curl's requests and responses too
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(service) }, Transport: checked(t).Transport,
	})
	defer front.Close()
	commands := strings.Replace(strings.Join(script, ""), "ORDERS=http://127.0.0.1:8080", "ORDERS="+front.URL, 1)

	bash := exec.CommandContext(t.Context(), "bash", "-c", commands)
	bash.Dir = t.TempDir()
	output, err := bash.CombinedOutput()
	require.NoError(t, err, "%s", output)
	outputs := regexp.MustCompile(`(?m)^== block \d+\n`).Split(string(output), -1)[1:]
	require.Len(t, outputs, len(printed))
	for i, lines := range printed {
		for _, line := range lines {
			assert.Contains(t, outputs[i], strings.TrimSpace(line), "block %d", i)
		}
	}
}
