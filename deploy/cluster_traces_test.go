//go:build k8s

package deploy_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"orders/deploy/retryclient"
)

// receiver is an OpenTelemetry receiver (OTLP over HTTP) that keeps what it got.
type receiver struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil || req.URL.Path != "/v1/traces" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, body)
}

// has reports whether a message has all texts.
func (r *receiver) has(texts ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, body := range r.bodies {
		if !slices.ContainsFunc(texts, func(text string) bool { return !bytes.Contains(body, []byte(text)) }) {
			return nil
		}
	}
	return fmt.Errorf("none of %d messages has %q", len(r.bodies), texts)
}

// tracesOnNode listens on the node's address, which pods reach. It returns false if the test does not run on the node.
func (c *cluster) tracesOnNode() (*receiver, string, bool) {
	node, err := url.Parse(c.nodeURL())
	require.NoError(c.t, err)
	listener, err := (&net.ListenConfig{}).Listen(c.t.Context(), "tcp", net.JoinHostPort(node.Hostname(), "0"))
	if err != nil {
		c.t.Log("traces are not tested: ", err)
		return nil, "", false
	}
	r := &receiver{}
	server := httptest.NewUnstartedServer(r)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	c.t.Cleanup(server.Close)
	return r, server.URL, true
}

// traces creates an order and waits for its trace from both services.
func (c *cluster) traces(r *receiver) {
	user, err := retryclient.Login(c.t.Context(), c.url, "traced-"+strconv.FormatInt(time.Now().Unix(), 36))
	require.NoError(c.t, err)
	o, err := user.Create(c.t.Context(), "")
	require.NoError(c.t, err)
	require.NotEmpty(c.t, o.History)
	trace, err := hex.DecodeString(o.History[0].TraceID)
	require.NoError(c.t, err)
	require.Len(c.t, trace, 16)
	for _, span := range []string{"put order", "PUT /payments/:id"} {
		c.eventually("the span "+span+" of the order's trace", func() error { return r.has(string(trace), span) })
	}
}
