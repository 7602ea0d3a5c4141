// Package freeport finds TCP ports of 127.0.0.1 for servers that are started by tests or by the launcher. The ports lie
// below the range that the kernel gives to outgoing connections, so that a server that was killed finds its port
// still free when it is started again.
package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

const (
	lowest = 20000
	count  = 12000 // Linux takes 32768 and up for outgoing connections
)

// Ports are counted up from a random start: none is given twice by one process, and hardly ever by two that start
// together.
var (
	start = rand.Uint32N(count)
	given atomic.Uint32
)

// Get returns a port that nobody listens on and that this process hasn't been given before.
func Get() (int, error) {
	for range count {
		port := lowest + int((start+given.Add(1))%count)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port found")
}
