package deploy_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
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
	project, err := options.LoadProject(context.Background()) // refuses what the specification doesn't know
	require.NoError(t, err)
	return project
}

func TestComposeStartsInOrderOfHealth(t *testing.T) {
	project := compose(t)
	for name, service := range project.Services {
		for needed, how := range service.DependsOn {
			other, ok := project.Services[needed]
			require.True(t, ok)
			if how.Condition == types.ServiceConditionHealthy {
				require.NotNil(t, other.HealthCheck, "%s waits for the health of %s, which tells none", name, needed)
			}
		}
	}
	require.Equal(t, types.ServiceConditionHealthy, project.Services["orders-actor-dapr"].DependsOn["scheduler"].Condition)
	require.NotEmpty(t, project.Services["scheduler"].Volumes, "reminders are lost with the container")
}

func TestComposeMountsWhatIsThere(t *testing.T) {
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
		require.Contains(t, variable, ":-", "no default")
	}
	for name, service := range compose(t).Services {
		for key, value := range service.Environment {
			if strings.Contains(key, "TOKEN") || strings.Contains(key, "PASSWORD") && !strings.HasSuffix(key, "_FILE") {
				t.Errorf("%s: %s is set in the file", name, key)
			}
			if value != nil {
				require.NotRegexp(t, `postgres://[^@/]*:`, *value, "%s: %s holds a password", name, key)
			}
		}
	}
}

// The settings of both services are the same in every way to run them.
func TestComposeAndChartKnowTheSameSettings(t *testing.T) {
	values := chartValues(t)
	for service, key := range map[string]string{"orders-actor": "ordersActor", "payments-svc": "paymentsSvc"} {
		env := compose(t).Services[service].Environment
		for name := range values[key].(map[string]any)["settings"].(map[string]any) {
			require.Contains(t, env, name, "%s in docker-compose.yml", service)
		}
	}
}
