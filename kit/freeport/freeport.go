// Package freeport finds TCP ports of 127.0.0.1 for servers that are started by tests or by the launcher. The ports lie
// below the range that the kernel gives to outgoing connections, so that a server that was killed finds its port
// still free when it is started again.
package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

const (
	lowest  = 20000
	highest = 32000 // Linux takes 32768 and up for outgoing connections
)

// Get returns a port that nobody listens on. Another process may take it before the caller does; picking at random
// makes that unlikely.
func Get() (int, error) {
	for range 100 {
		port := lowest + rand.IntN(highest-lowest)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port found")
}
