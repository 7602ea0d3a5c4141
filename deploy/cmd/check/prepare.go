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
	"time"
)

const nonroot = 65532 // the user of the services and of Dapr's programs

// volumes lists the folders in which prepare finds the volumes of docker-compose.yml. Only prepare mounts "keys"; each other
// volume has what one service needs.
var volumes = []string{"keys", "trust", "anchors", "orders-actor", "payments-svc", "database", "tool", "scheduler"}

// prepare creates the keys that don't exist yet and copies to each volume the keys of its service.
func prepare(root string, now time.Time) error {
	file := func(volume, name string) string { return filepath.Join(root, volume, name) }
	obo := newKey()
	store, err := json.Marshal(map[string]map[string]string{
		"orders-actor": {"obo-key": obo, "command-seal-key": newKey(), "dev-token-key": newKey()},
		"payments-svc": {"obo-key": obo},
	})
	if err != nil {
		return err
	}
	keys := map[string]string{}
	for name, fresh := range map[string]string{
		"secrets.json":           string(store),
		"app-token":              rand.Text(),
		"orders-actor-api-token": rand.Text(),
		"payments-svc-api-token": rand.Text(),
		"postgres-password":      rand.Text(),
		"orders-password":        rand.Text(),
		"ledger-password":        rand.Text(),
	} {
		if err := writeOnce(file("keys", name), []byte(fresh), 0o400); err != nil {
			return err
		}
		content, err := os.ReadFile(file("keys", name))
		if err != nil {
			return err
		}
		keys[name] = string(content)
	}
	if err := authority(filepath.Join(root, "trust"), now); err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	anchor, err := os.ReadFile(file("trust", rootFile))
	if err != nil {
		return err
	}
	var secrets map[string]json.RawMessage
	if err := json.Unmarshal([]byte(keys["secrets.json"]), &secrets); err != nil {
		return fmt.Errorf("secrets.json in the volume keys: %w", err)
	}
	share := func(service string) string {
		return fmt.Sprintf("{%q:%s}", service, secrets[service])
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	shares := map[string]string{
		file("anchors", rootFile):            string(anchor),
		file("orders-actor", "secrets.json"): share("orders-actor"),
		file("orders-actor", "api-token"):    keys["orders-actor-api-token"],
		file("orders-actor", "pgpass"):       "*:*:*:*:" + keys["orders-password"],
		file("payments-svc", "secrets.json"): share("payments-svc"),
		file("payments-svc", "api-token"):    keys["payments-svc-api-token"],
		file("payments-svc", "app-token"):    keys["app-token"],
		file("payments-svc", "pgpass"):       "*:*:*:*:" + keys["ledger-password"],
	}
	for _, name := range []string{"postgres-password", "orders-password", "ledger-password"} {
		shares[file("database", name)] = keys[name]
	}
	for path, content := range shares {
		if err := replace(path, []byte(content), 0o400); err != nil {
			return err
		}
	}
	if err := replace(file("tool", "check"), self, 0o555); err != nil {
		return err
	}
	for _, volume := range volumes {
		if err := chown(filepath.Join(root, volume)); err != nil {
			return err
		}
	}
	return nil
}

// writeOnce writes a file atomically unless it exists.
func writeOnce(path string, content []byte, mode fs.FileMode) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return replace(path, content, mode)
}

// replace writes a file atomically.
func replace(path string, content []byte, mode fs.FileMode) error {
	if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // left by an interrupted write
	}
	if err := os.WriteFile(path+".new", content, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// chown gives a folder to the user of the services, if this process is root.
func chown(folder string) error {
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

func newKey() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// with executes the command after --, which replaces this process.
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
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, command, env))
}
