// Package load sends requests and reads event streams from processes of their own, so that their CPU time is not counted as the
// measured system's.
package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// The roles of a process that this package starts from its own executable, as the only argument.
const (
	roleRequests = "requests"
	roleReaders  = "readers"
)

// Role runs the role in args, if there is one, and reports whether there was.
func Role(ctx context.Context, args []string) (bool, error) {
	switch {
	case len(args) == 1 && args[0] == roleRequests:
		return true, serveRequests(os.Stdin, os.Stdout)
	case len(args) == 1 && args[0] == roleReaders:
		return true, serveReaders(ctx, os.Stdin, os.Stdout)
	}
	return false, nil
}

// Spec is what to send: the same request again and again, each caller one after another.
type Spec struct {
	Method   string
	URL      string // "{n}" is replaced by the number of the request
	Header   map[string]string
	Body     string
	Requests int
	Callers  int
	Status   int // the expected status; any success if 0
}

// Result is what was measured.
type Result struct {
	Took      time.Duration
	Durations []time.Duration // of each request
	Failed    int
	Failure   string // one of them
}

const requestTimeout = time.Minute

// Run sends the requests from a new process. It is an error if one of them fails.
func Run(ctx context.Context, spec Spec) (result Result, err error) {
	cmd, err := command(ctx, roleRequests, spec)
	if err != nil {
		return result, err
	}
	out, err := cmd.Output()
	if err != nil {
		return result, fmt.Errorf("send requests: %w", errors.Join(err, ctx.Err()))
	}
	if err := json.Unmarshal(out, &result); err != nil {
		return result, fmt.Errorf("send requests: %w", err)
	}
	if result.Failed > 0 {
		return result, fmt.Errorf("%d of %d requests failed: %s", result.Failed, spec.Requests, result.Failure)
	}
	return result, nil
}

// command returns a command that runs a role of this executable.
func command(ctx context.Context, role string, spec any) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, role)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	return cmd, nil
}

func serveRequests(in io.Reader, out io.Writer) error {
	var spec Spec
	if err := json.NewDecoder(in).Decode(&spec); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(send(spec))
}

func send(spec Spec) Result {
	client := &fasthttp.Client{MaxConnsPerHost: spec.Callers, ReadTimeout: requestTimeout}
	result := Result{Durations: make([]time.Duration, spec.Requests)}
	var next atomic.Int64
	var failures sync.Mutex
	var callers sync.WaitGroup
	began := time.Now()
	for range spec.Callers {
		callers.Go(func() {
			for i := int(next.Add(1)) - 1; i < spec.Requests; i = int(next.Add(1)) - 1 {
				sent := time.Now()
				err := sendOne(client, spec, i)
				result.Durations[i] = time.Since(sent)
				if err != nil {
					failures.Lock()
					result.Failed, result.Failure = result.Failed+1, err.Error()
					failures.Unlock()
				}
			}
		})
	}
	callers.Wait()
	result.Took = time.Since(began)
	return result
}

func sendOne(client *fasthttp.Client, spec Spec, number int) error {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI(strings.ReplaceAll(spec.URL, "{n}", strconv.Itoa(number)))
	req.Header.SetMethod(spec.Method)
	for name, value := range spec.Header {
		req.Header.Set(name, value)
	}
	if spec.Body != "" {
		req.Header.SetContentType("application/json")
		req.SetBodyString(spec.Body)
	}
	if err := client.Do(req, resp); err != nil {
		return err
	}
	status := resp.StatusCode()
	if status == spec.Status || spec.Status == 0 && status/100 == 2 {
		return nil
	}
	return fmt.Errorf("status %d: %.300s", status, resp.Body())
}

// Percentiles of durations, in ms.
type Percentiles struct{ P50, P99, Max float64 }

// PercentilesOf returns the percentiles of the durations; zeros if there are none.
func PercentilesOf(all []time.Duration) Percentiles {
	if len(all) == 0 {
		return Percentiles{}
	}
	sorted := slices.Sorted(slices.Values(all))
	at := func(percent int) float64 {
		ms := float64(sorted[(len(sorted)-1)*percent/100]) / float64(time.Millisecond)
		return math.Round(ms*10) / 10
	}
	return Percentiles{P50: at(50), P99: at(99), Max: at(100)}
}
