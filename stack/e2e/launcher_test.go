package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/kit/process"
	"orders/stack"
)

// launcher is a running `bin/stack`.
type launcher struct {
	cmd    *exec.Cmd
	in     io.Writer     // of the control command
	output *bytes.Buffer // may be read after the exit
	lines  chan string   // of the output
}

func launch(t *testing.T, home string, env []string, args ...string) *launcher {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	l := &launcher{output: new(bytes.Buffer), lines: make(chan string, 1000)}
	l.cmd = exec.Command(filepath.Join(root, "bin", "stack"), append([]string{"-home", home}, args...)...)
	l.cmd.Env = append(os.Environ(), env...)
	read, write := io.Pipe()
	l.cmd.Stdout = io.MultiWriter(write, l.output)
	l.cmd.Stderr = l.cmd.Stdout
	if slices.Contains(args, "control") {
		l.in, err = l.cmd.StdinPipe()
		require.NoError(t, err)
	}
	require.NoError(t, l.cmd.Start(), "run make build first")
	t.Cleanup(func() {
		_ = l.cmd.Process.Kill() // if the test failed before it ended
		_ = write.Close()
	})
	go func() {
		defer close(l.lines)
		scanner := bufio.NewScanner(read)
		for scanner.Scan() {
			select {
			case l.lines <- scanner.Text():
			default: // the test has stopped reading
			}
		}
	}()
	return l
}

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// url waits until the launcher prints its address and returns it.
func (l *launcher) url(t *testing.T) string {
	t.Helper()
	deadline := time.After(2 * testTimeout)
	for {
		select {
		case line, more := <-l.lines:
			require.True(t, more, "the launcher exited without printing an address")
			if url := address.FindString(line); url != "" {
				return url
			}
		case <-deadline:
			require.FailNow(t, "timeout waiting for the address")
		}
	}
}

func (l *launcher) end(t *testing.T, signal syscall.Signal) error {
	t.Helper()
	require.NoError(t, l.cmd.Process.Signal(signal))
	return l.cmd.Wait()
}

// descendants returns the child processes of pid and their descendants, as id@start-time.
func descendants(t *testing.T, pid int) []string {
	t.Helper()
	children := map[string][]string{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range stats {
		if id, parent := identity(filepath.Base(filepath.Dir(path))); id != "" {
			children[parent] = append(children[parent], id)
		}
	}
	var all []string
	for next := children[strconv.Itoa(pid)]; len(next) > 0; next = next[1:] {
		all = append(all, next[0])
		next = append(next, children[strings.Split(next[0], "@")[0]]...)
	}
	return all
}

// identity returns a process as id@start-time, which distinguishes it from a later process with the same id, and its parent.
func identity(pid string) (id, parent string) {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return "", ""
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if fields[0] == "Z" {
		return "", "" // a zombie: it has exited
	}
	return pid + "@" + fields[19], fields[1]
}

func awaitExit(t *testing.T, processes []string) {
	t.Helper()
	await(t, "the exit of all processes", func() bool {
		for _, p := range processes {
			if id, _ := identity(strings.Split(p, "@")[0]); id == p {
				return false
			}
		}
		return true
	})
}

// The first launcher is stopped by Ctrl-C while an order waits for its delivery. The second one delivers it and is killed.
// Neither leaves a process behind.
func TestLauncherLeavesNoProcessAndKeepsOrders(t *testing.T) {
	home := t.TempDir()
	env := []string{
		"DELIVER_AFTER=10s", "PAYMENT_CONFIRM_RATE=1", "PAYMENT_LATENCY=1ms", "AUTH_MODE=dev",
		"DATA_DIR=" + home, // as with `make run`
	}
	l := launch(t, home, env, "-free-ports")
	c := login(t, l.url(t), "alice", api.RoleCustomer)
	o := c.created(t)
	o = c.await(t, o.ID, "confirmed", func(o api.Order) bool { return o.Status == api.StatusConfirmed })
	processes := descendants(t, l.cmd.Process.Pid)
	require.Len(t, processes, 7)
	require.NoError(t, l.end(t, syscall.SIGINT), "%s", l.output)
	awaitExit(t, processes)

	await(t, "the order is due", func() bool { return time.Now().After(o.DeliverAt) })
	l = launch(t, home, env, "-free-ports")
	c = as(t, l.url(t), c.token)
	o = c.await(t, o.ID, "final", final)
	assert.Equal(t, "created confirmed delivered", path(t, o))

	processes = descendants(t, l.cmd.Process.Pid)
	require.Error(t, l.end(t, syscall.SIGKILL))
	awaitExit(t, processes)
}

// The browser tests use this protocol.
func TestControlCommandsAreExecuted(t *testing.T) {
	type reply struct {
		OK    bool
		Error string
		URL   string
		Parts []string
	}
	l := launch(t, t.TempDir(), []string{"AUTH_MODE=dev"}, "control")
	answer := func() reply {
		for line := range l.lines {
			if strings.HasPrefix(line, "{") { // not a progress message
				return parse[reply](t, []byte(line))
			}
		}
		require.FailNow(t, "the launcher exited without a reply")
		return reply{}
	}
	ask := func(line string) { _, err := fmt.Fprintln(l.in, line); require.NoError(t, err) }

	url := answer().URL
	login(t, url, "alice", api.RoleCustomer).created(t)
	ask(`{"do":"kill","part":"orders-actor"}`)
	require.True(t, answer().OK)
	_, err := checked(t).Get(url + "/livez")
	require.Error(t, err)
	ask(`{"do":"start","part":"orders-actor"}`)
	require.True(t, answer().OK)
	login(t, url, "alice", api.RoleCustomer).created(t)
	ask(`{"do":"parts"}`)
	assert.Len(t, answer().Parts, 7)
	ask(`{"do":"kill","part":"nothing"}`)
	assert.Equal(t, `there is no part "nothing"`, answer().Error)
	ask(`not JSON`)
	assert.False(t, answer().OK)
	ask(`{"do":"close"}`)
	require.True(t, answer().OK)
	require.NoError(t, l.cmd.Wait())
}

// `make dapr-run` works with other addresses, in a folder with a space in its name, while other programs use the ports of
// `dapr init`, and without mDNS.
func TestDaprRunDeliversOrder(t *testing.T) {
	for _, taken := range []string{"50001", "50005", "50006"} {
		if l, err := net.Listen("tcp", "127.0.0.1:"+taken); err == nil { // otherwise another program already uses it
			defer l.Close()
		}
	}
	root, err := stack.Root()
	require.NoError(t, err)
	ports := [4]int{}
	for i := range ports {
		ports[i], err = process.FreePort()
		require.NoError(t, err)
	}
	home := filepath.Join(t.TempDir(), "my data")
	cli := filepath.Join(root, "bin", "cli", "dapr")
	base := fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	l := launch(t, home, []string{
		fmt.Sprintf("PAYMENTS_ADDR=127.0.0.1:%d", ports[0]), "ORDERS_ADDR=" + strings.TrimPrefix(base, "http://"),
		fmt.Sprintf("PAYMENTS_METRICS_ADDR=127.0.0.1:%d", ports[2]), fmt.Sprintf("ORDERS_METRICS_ADDR=127.0.0.1:%d", ports[3]),
		"DATA_DIR=" + home, "DELIVER_AFTER=1s", "PAYMENT_CONFIRM_RATE=1", "AUTH_MODE=dev",
	}, "dapr-run")
	ended := make(chan error, 1)
	go func() { ended <- l.cmd.Wait() }()
	ready := func() bool {
		select {
		case err := <-ended:
			require.FailNow(t, "dapr run ended", "%v\n%s", err, l.output)
		default:
		}
		resp, err := checked(t).Get(base + "/healthz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
	await(t, "dapr run is ready", ready)

	c := login(t, base, "alice", api.RoleCustomer)
	o := c.await(t, c.created(t).ID, "final", final)
	assert.Equal(t, "created confirmed delivered", path(t, o))

	list := exec.Command(cli, "list", "--output", "json")
	out, err := list.Output()
	require.NoError(t, err)
	var apps []string
	for _, app := range parse[[]struct {
		AppID string `json:"appId"`
		File  string `json:"runTemplatePath"`
	}](t, out) {
		if strings.HasPrefix(app.File, home) {
			apps = append(apps, app.AppID)
		}
	}
	assert.ElementsMatch(t, []string{stack.OrdersActor, stack.PaymentsSvc}, apps, "%s", out)
	assert.FileExists(t, filepath.Join(home, "statestore.db"))
	assert.FileExists(t, filepath.Join(home, "view.db"))
	logs, err := filepath.Glob(filepath.Join(home, ".dapr", "logs", "*_daprd_*.log"))
	require.NoError(t, err)
	require.Len(t, logs, 2)
	for _, file := range logs {
		log, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(log), "Initialized name resolution to kubernetes")
		assert.NotContains(t, strings.ToLower(string(log)), "mdns")
	}

	processes := descendants(t, l.cmd.Process.Pid)
	require.NotEmpty(t, processes)
	require.NoError(t, l.cmd.Process.Signal(syscall.SIGINT))
	require.NoError(t, <-ended)
	awaitExit(t, processes)
}
