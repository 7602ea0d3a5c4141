package deploy_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

func compose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithoutEnvironmentResolution)
	require.NoError(t, err)
	project, err := options.LoadProject(context.Background()) // rejects unknown fields
	require.NoError(t, err)
	return project
}

func TestComposeWaitsForHealthyDependencies(t *testing.T) {
	project := compose(t)
	for name, service := range project.Services {
		for needed, how := range service.DependsOn {
			other, ok := project.Services[needed]
			require.True(t, ok)
			if how.Condition == types.ServiceConditionHealthy {
				require.NotNil(t, other.HealthCheck, "%s waits for the health of %s, which has no health check", name, needed)
			}
		}
	}
	require.Equal(t, types.ServiceConditionHealthy, project.Services["orders-actor-dapr"].DependsOn["scheduler"].Condition)
	require.NotEmpty(t, project.Services["scheduler"].Volumes, "reminders must survive the container")
}

func TestComposeMountsExistingFolders(t *testing.T) {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	for name, service := range compose(t).Services {
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind {
				require.DirExists(t, volume.Source, name)
			}
		}
		if service.Build != nil {
			require.Equal(t, root, service.Build.Context)
			require.FileExists(t, filepath.Join(root, service.Build.Dockerfile))
		}
	}
}

func TestComposeHasDefaultsAndNoSecrets(t *testing.T) {
	content, err := os.ReadFile("../docker-compose.yml")
	require.NoError(t, err)
	for _, variable := range regexp.MustCompile(`\$\{[^}]*\}`).FindAllString(string(content), -1) {
		require.Contains(t, variable, ":-", "a variable without a default")
	}
	for name, service := range compose(t).Services {
		for key, value := range service.Environment {
			if strings.Contains(key, "TOKEN") || strings.Contains(key, "PASSWORD") && !strings.HasSuffix(key, "_FILE") {
				t.Errorf("%s: %s must not be set in the file", name, key)
			}
			if value != nil {
				require.NotRegexp(t, `postgres://[^@/]*:`, *value, "%s: %s holds a password", name, key)
			}
		}
	}
}

func TestComposeHasEverySettingOfChart(t *testing.T) {
	values := chartValues(t)
	for service, key := range map[string]string{"orders-actor": "ordersActor", "payments-svc": "paymentsSvc"} {
		env := compose(t).Services[service].Environment
		for name := range values[key].(map[string]any)["settings"].(map[string]any) {
			require.Contains(t, env, name, "%s in docker-compose.yml", service)
		}
	}
}

// A sidecar's API returns its app's keys and writes its state. So it listens only on the loopback address, which it shares with
// the app's container, and requires a token.
func TestComposeSidecarsAcceptOnlyTheirApp(t *testing.T) {
	project := compose(t)
	sidecars := 0
	for name, service := range project.Services {
		if !slices.Contains(service.Command, "/daprd") {
			continue
		}
		sidecars++
		require.Contains(t, service.Command, "--dapr-listen-addresses=127.0.0.1", name)
		require.Contains(t, service.Command, "--metrics-listen-address=127.0.0.1", name)
		require.Contains(t, service.Command, "--enable-mtls", name)
		require.Contains(t, service.Command, "DAPR_API_TOKEN=/keys/api-token", name)
		require.Empty(t, service.Ports, name)
		app, ok := strings.CutPrefix(service.NetworkMode, "service:")
		require.True(t, ok, "%s has a network of its own", name)
		require.Contains(t, project.Services[app].Command, "DAPR_API_TOKEN=/keys/api-token", "%s doesn't know the token", app)
		require.Equal(t, source(service, "/keys"), source(project.Services[app], "/keys"))
	}
	require.Equal(t, 2, sidecars)
}

func TestComposeMountsKeysOnlyWhereNeeded(t *testing.T) {
	users := map[string][]string{}
	for name, service := range compose(t).Services {
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeVolume {
				users[volume.Source] = append(users[volume.Source], name)
			}
			if name != "keys" && strings.HasSuffix(volume.Source, "keys") || volume.Source == "trust" && name != "keys" {
				require.True(t, volume.ReadOnly, "%s may write %s", name, volume.Source)
			}
		}
	}
	for _, names := range users {
		slices.Sort(names)
	}
	require.Equal(t, []string{"keys"}, users["keys"])
	require.Equal(t, []string{"keys", "sentry"}, users["trust"], "the certificate authority's key")
	require.Equal(t, []string{"keys", "orders-actor", "orders-actor-dapr"}, users["orders-keys"])
	require.Equal(t, []string{"keys", "payments-svc", "payments-svc-dapr"}, users["payments-keys"])
	require.Equal(t, []string{"database-users", "keys", "postgres"}, users["database-keys"])
}

func TestComposeLimitsEveryLog(t *testing.T) {
	for name, service := range compose(t).Services {
		require.NotNil(t, service.Logging, name)
		require.NotEmpty(t, service.Logging.Options["max-size"], name)
		require.NotEmpty(t, service.Logging.Options["max-file"], name)
	}
}

func TestComposeUsesSeparateDatabaseUsers(t *testing.T) {
	project := compose(t)
	for service, user := range map[string]string{"orders-actor-dapr": "orders_app", "payments-svc-dapr": "orders_ledger"} {
		require.Contains(t, *project.Services[service].Environment["STATE_DSN"], "postgres://"+user+"@")
		require.Equal(t, types.ServiceConditionCompletedSuccessfully, project.Services[service].DependsOn["database-users"].Condition)
	}
	require.Contains(t, *project.Services["orders-actor"].Environment["VIEW_DSN"], "postgres://orders_app@")
	require.FileExists(t, filepath.Join(source(project.Services["database-users"], "/setup"), "database-users.sql"))
}

// source returns the volume or folder that a service mounts at target.
func source(service types.ServiceConfig, target string) string {
	for _, volume := range service.Volumes {
		if volume.Target == target {
			return volume.Source
		}
	}
	return ""
}
