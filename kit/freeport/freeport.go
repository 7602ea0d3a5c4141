// Package freeport finds free TCP ports of 127.0.0.1 for servers of tests and of the launcher. The ports are below the range
// of outgoing connections, so that no outgoing connection takes the port of a server that restarts.
package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

const (
	first = 20000
	count = 12000 // Linux uses 32768 and above for outgoing connections
)

// Ports are numbered from a random start: a process returns none twice, and two processes rarely return the same.
var (
	start    = rand.Uint32N(count)
	returned atomic.Uint32
)

// Get returns a port that is free and that Get has not returned before in this process.
func Get() (int, error) {
	for range count {
		port := first + int((start+returned.Add(1))%count)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("find free port: none left")
}
