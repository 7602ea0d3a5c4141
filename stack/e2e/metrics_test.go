package e2e

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/stack"
)

// registered returns the names of the metrics that the packages below dir register.
func registered(t *testing.T, dir string) []string {
	t.Helper()
	name := regexp.MustCompile(`(?:Opts\{\s*Name:\s*|prometheus\.NewDesc\()"([a-z_]+)"`)
	var names []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range name.FindAllSubmatch(source, -1) {
			names = append(names, string(match[1]))
		}
		return err
	}))
	return names
}

func TestEveryRegisteredMetricIsServed(t *testing.T) {
	c := customer(t)
	c.await(t, c.created(t).ID, "final", final)
	common := registered(t, "../../kit")
	for _, app := range []string{stack.OrdersActor, stack.PaymentsSvc} {
		t.Run(app, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, shared.Part(app).Metrics, nil)
			require.NoError(t, err)
			status, body := do(t, plain, req)
			require.Equal(t, http.StatusOK, status, "%s", body)
			names := append(registered(t, "../../"+app), common...)
			require.NotEmpty(t, names)
			for _, name := range append(names, "go_goroutines", "process_open_fds") {
				assert.Contains(t, string(body), "# TYPE "+name+" ")
			}
			problems, err := promlint.New(bytes.NewReader(body)).Lint()
			require.NoError(t, err, "the exposition format")
			assert.Empty(t, problems)
		})
	}
}

func TestMetricsAreNotServedOnAPIAddress(t *testing.T) {
	status, _ := do(t, checked(t), user{base: shared.URL()}.request(t, http.MethodGet, "/metrics", ""))
	assert.Equal(t, http.StatusNotFound, status)
}
