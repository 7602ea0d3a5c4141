package process

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
)

// Free ports are searched in a range below that of outgoing connections (Linux uses 32768 and above), so that no outgoing
// connection takes the port of a server that restarts.
const firstPort, numPorts = 20000, 12000

// Ports are numbered from a random start: a process returns none twice, and two processes rarely return the same.
var (
	startPort = rand.Uint32N(numPorts)
	returned  atomic.Uint32
)

// FreePort returns a TCP port of 127.0.0.1 that is free and that FreePort has not returned before in this process.
func FreePort() (int, error) {
	for range numPorts {
		port := firstPort + int((startPort+returned.Add(1))%numPorts)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("find free port: none left")
}

// CheckFree returns an error unless the address is free to listen on. The error names the port and the process that uses it.
func CheckFree(setting, address string) error {
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l.Close()
	}
	_, port, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		return fmt.Errorf("%s: %w", setting, splitErr)
	}
	if by := portUser(port); by != "" {
		return fmt.Errorf("%s: port %s is in use by %s", setting, port, by)
	}
	return fmt.Errorf("%s: %w", setting, err)
}

// portUser describes the process that listens on a TCP port. It returns "" when that process isn't visible.
func portUser(port string) string {
	number, err := strconv.Atoi(port)
	if err != nil {
		return ""
	}
	sockets := listeners(number)
	if len(sockets) == 0 {
		return ""
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !sockets[target] {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		command, _ := os.ReadFile(filepath.Join(process, "cmdline"))
		command = bytes.ReplaceAll(bytes.TrimRight(command, "\x00"), []byte{0}, []byte{' '})
		if len(command) > 100 {
			command = append(command[:100], "…"...)
		}
		return fmt.Sprintf("process %s (%s)", filepath.Base(process), command)
	}
	return ""
}

// listeners returns the sockets that listen on port, by the names that the links in /proc/PID/fd have.
func listeners(port int) map[string]bool {
	const listening, localAddress, state, inode = "0A", 1, 3, 9
	found := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, _ := os.ReadFile(table)
		lines := bufio.NewScanner(bytes.NewReader(content))
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if len(fields) > inode && fields[state] == listening && strings.HasSuffix(fields[localAddress], fmt.Sprintf(":%04X", port)) {
				found["socket:["+fields[inode]+"]"] = true
			}
		}
	}
	return found
}
