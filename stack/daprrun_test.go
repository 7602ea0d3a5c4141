package stack

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/process"
)

// withCLI returns options for a repository with an empty file in place of the Dapr CLI.
func withCLI(t *testing.T, folder string) Options {
	t.Helper()
	repository, err := Root()
	require.NoError(t, err)
	root := filepath.Join(t.TempDir(), folder)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "bin", "cli"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin", "cli", "dapr"), nil, 0o700))
	for _, name := range []string{"dapr", "components"} {
		require.NoError(t, os.Symlink(filepath.Join(repository, name), filepath.Join(root, name)))
	}
	return Options{Root: root}
}

func TestRunFileForCLIHasConfiguredAddresses(t *testing.T) {
	ports := [2]int{}
	for i := range ports {
		var err error
		ports[i], err = process.FreePort()
		require.NoError(t, err)
	}
	orders, payments := net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])), net.JoinHostPort("127.0.0.2", strconv.Itoa(ports[1]))
	t.Setenv("ORDERS_ADDR", orders)
	t.Setenv("PAYMENTS_ADDR", payments)
	o := withCLI(t, "my orders")
	o.Home = filepath.Join(t.TempDir(), "data")
	s, err := prepare(o)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	s.ports.sentry, s.ports.placement, s.ports.scheduler = 1, 2, 3
	file, err := s.writeCLIFiles()
	require.NoError(t, err)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var f struct {
		Common struct {
			PlacementHostAddress string `yaml:"placementHostAddress"`
			SchedulerHostAddress string `yaml:"schedulerHostAddress"`
		} `yaml:"common"`
		Apps []struct {
			ID                string            `yaml:"appID"`
			Dir               string            `yaml:"appDirPath"`
			ConfigFile        string            `yaml:"configFilePath"`
			Port              int               `yaml:"appPort"`
			AppChannelAddress string            `yaml:"appChannelAddress"`
			Command           []string          `yaml:"command"`
			Env               map[string]string `yaml:"env"`
		} `yaml:"apps"`
	}
	require.NoError(t, yaml.Unmarshal(content, &f))

	assert.Equal(t, "127.0.0.1:2", f.Common.PlacementHostAddress)
	assert.Equal(t, "127.0.0.1:3", f.Common.SchedulerHostAddress)
	require.Len(t, f.Apps, len(s.file.Apps))
	for i, a := range f.Apps {
		assert.Equal(t, s.file.Apps[i].ID, a.ID)
		assert.Equal(t, s.file.Apps[i].ConfigFile, a.ConfigFile)
		assert.Equal(t, s.file.Apps[i].Command, a.Command)
		assert.Equal(t, o.Home, a.Dir)
		assert.Equal(t, o.Home, a.Env["DATA_DIR"])
		switch a.ID {
		case PaymentsSvc:
			assert.Equal(t, payments, a.Env["PAYMENTS_ADDR"])
			assert.Equal(t, "127.0.0.2", a.AppChannelAddress)
			assert.Equal(t, ports[1], a.Port)
		case OrdersActor:
			assert.Equal(t, orders, a.Env["ORDERS_ADDR"])
			assert.Zero(t, a.Port)
		}
	}
	daprd, err := os.ReadFile(filepath.Join(s.cliRuntime(), ".dapr", "bin", "daprd"))
	require.NoError(t, err)
	assert.Contains(t, string(daprd), "--sentry-address=127.0.0.1:1 '--config=\""+s.resolver()+"\"'")
}

func TestDaprRunRejectsUnsupportedOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"the Dapr CLI splits paths at commas": withCLI(t, "a,b"),
		"-replicas needs make run":            {Root: withCLI(t, "plain").Root, Replicas: 2, Postgres: "postgres://db"},
	} {
		o.FreePorts, o.Home = true, t.TempDir()
		s, err := prepare(o)
		require.NoError(t, err)
		_, err = s.writeCLIFiles()
		require.ErrorContains(t, err, want)
		require.NoError(t, s.Close())
	}
}
