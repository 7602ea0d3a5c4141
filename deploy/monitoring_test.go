package deploy_test

import (
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// exported returns the names of the metrics of both services. A test of the stack shows that they are served.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	name := regexp.MustCompile(`(?:(Histogram|Counter|Gauge)Opts\{\s*Name:\s*|prometheus\.NewDesc\()"([a-z_]+)"`)
	names := map[string]bool{"up": true, "process_resident_memory_bytes": true, "process_cpu_seconds_total": true}
	for _, dir := range []string{"../kit", "../orders-actor", "../payments-svc"} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, match := range name.FindAllSubmatch(source, -1) {
				if string(match[1]) != "Histogram" {
					names[string(match[2])] = true
					continue
				}
				for _, suffix := range []string{"_bucket", "_count", "_sum"} {
					names[string(match[2])+suffix] = true
				}
			}
			return err
		}))
	}
	return names
}

type rule struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) []rule {
	t.Helper()
	content, err := os.ReadFile("../helm/alerts/orders.yaml")
	require.NoError(t, err)
	_, problems := rulefmt.Parse(content, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	require.Empty(t, problems)
	var file struct{ Groups []struct{ Rules []rule } }
	require.NoError(t, yaml.Unmarshal(content, &file))
	require.Len(t, file.Groups, 1)
	return file.Groups[0].Rules
}

// expressions returns all queries of the alerts and the dashboard, by where they are.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, r := range alerts(t) {
		found["alert "+r.Alert] = r.Expr
	}
	content, err := os.ReadFile("../helm/dashboards/orders.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(content, &dashboard))
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			found["panel "+p.Title+" "+target.RefID] = target.Expr
		}
	}
	require.Greater(t, len(found), 30)
	return found
}

func TestAlertsAndDashboardUseExistingMetrics(t *testing.T) {
	names := exported(t)
	for where, query := range expressions(t) {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(query)
		require.NoError(t, err, where)
		parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
			if selector, ok := node.(*parser.VectorSelector); ok {
				require.True(t, names[selector.Name], "%s: no service has the metric %s", where, selector.Name)
			}
			return nil
		})
	}
}

// The dashboard shows all metrics that docs/operations.md lists; the failures themselves are shown instead of the time of the last one.
func TestDashboardShowsEachDocumentedMetric(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(page), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	dashboard, err := os.ReadFile("../helm/dashboards/orders.json")
	require.NoError(t, err)
	listed := 0
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(section, -1) {
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			listed++
			if name[1] != "orders_remove_last_error_timestamp_seconds" {
				require.Contains(t, string(dashboard), name[1])
			}
		}
	}
	require.Greater(t, listed, 20, "the test reads the wrong table")
}

func TestEachAlertIsExplained(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(page), "\n## Alerts\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var explained, defined []string
	for _, match := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|").FindAllStringSubmatch(section, -1) {
		explained = append(explained, match[1])
	}
	for _, r := range alerts(t) {
		require.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		defined = append(defined, r.Alert)
	}
	slices.Sort(explained)
	slices.Sort(defined)
	require.Equal(t, defined, explained)
}
