package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const nonroot = 65532 // who the services and Dapr's programs run as

// prepare makes every file of keys that isn't there yet: all of them outlive a restart.
func prepare(keys string, folders []string) error {
	obo := key()
	store, err := json.Marshal(map[string]map[string]string{
		"orders-actor": {"obo-key": obo, "command-seal-key": key(), "dev-token-key": key()},
		"payments-svc": {"obo-key": obo},
	})
	if err != nil {
		return err
	}
	// The password comes first: pgpass is made from the one that is there.
	for _, file := range []struct {
		name    string
		content func() (string, error)
	}{
		{"secrets.json", func() (string, error) { return string(store), nil }},
		{"app-token", func() (string, error) { return rand.Text(), nil }},
		{"postgres-password", func() (string, error) { return rand.Text(), nil }},
		{"pgpass", func() (string, error) {
			password, err := os.ReadFile(filepath.Join(keys, "postgres-password"))
			return "*:*:*:*:" + string(password), err
		}},
	} {
		content, err := file.content()
		if err != nil {
			return err
		}
		if err := once(filepath.Join(keys, file.name), []byte(content), 0o400); err != nil {
			return err
		}
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	tool := filepath.Join(keys, "check")
	if err := os.Remove(tool); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // an older one
	}
	if err := once(tool, self, 0o555); err != nil {
		return err
	}
	for _, folder := range append([]string{keys}, folders...) {
		if err := give(folder); err != nil {
			return err
		}
	}
	return nil
}

// once writes a file in one step, unless it is there.
func once(path string, content []byte, mode fs.FileMode) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path+".new", content, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func give(folder string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nonroot, nonroot)
	})
}

func key() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// with becomes the command behind --.
func with(args []string) error {
	split := slices.Index(args, "--")
	if split < 0 || split == len(args)-1 {
		return errUsage
	}
	env, command := os.Environ(), args[split+1:]
	for _, setting := range args[:split] {
		name, file, ok := strings.Cut(setting, "=")
		if !ok {
			return errUsage
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		env = append(env, name+"="+string(content))
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, command, env)) //nolint:gosec // its very purpose
}
