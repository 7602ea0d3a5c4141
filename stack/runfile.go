package stack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
)

// runFile holds the fields of a Multi-App Run file that the launcher supports. Other fields are an error: if the launcher
// ignored them, it would behave differently from `dapr run`.
type runFile struct {
	Version int `yaml:"version"`
	Common  struct {
		ResourcesPaths []string `yaml:"resourcesPaths"`
		ConfigFilePath string   `yaml:"configFilePath"`
	} `yaml:"common"`
	Apps []app `yaml:"apps"`
}

type app struct {
	ID         string            `yaml:"appID"`
	Dir        string            `yaml:"appDirPath"`
	ConfigFile string            `yaml:"configFilePath"`
	Port       int               `yaml:"appPort"`
	Command    []string          `yaml:"command"`
	Env        map[string]string `yaml:"env"`
}

// readRunFile reads a run file. It resolves relative paths as the Dapr CLI does, and returns absolute ones.
func readRunFile(path string) (runFile, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return runFile{}, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return runFile{}, err
	}
	var f runFile
	if err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(&f); err != nil {
		return runFile{}, fmt.Errorf("%s: %w", path, err)
	}
	folder := filepath.Dir(path)
	for i := range f.Common.ResourcesPaths {
		f.Common.ResourcesPaths[i] = resolvePath(folder, f.Common.ResourcesPaths[i])
	}
	f.Common.ConfigFilePath = resolvePath(folder, f.Common.ConfigFilePath)
	for i := range f.Apps {
		a := &f.Apps[i]
		if a.ID == "" || a.Dir == "" || len(a.Command) == 0 {
			return runFile{}, fmt.Errorf("%s: app %d needs appID, appDirPath and command", path, i+1)
		}
		a.Dir = resolvePath(folder, a.Dir)
		if a.ConfigFile == "" {
			a.ConfigFile = f.Common.ConfigFilePath
		} else {
			a.ConfigFile = resolvePath(a.Dir, a.ConfigFile)
		}
		a.Command[0] = resolvePath(a.Dir, a.Command[0])
	}
	return f, nil
}

func resolvePath(folder, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}
