package bench

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

	"orders/faults/bench/floor"
)

// The roles of a process that the benchmark starts from its own executable, as the first argument.
const (
	roleLoad  = "load"  // generates load
	roleFloor = "floor" // takes the place of orders-actor
)

// Role runs the role in args, if there is one, and reports whether there was.
func Role(ctx context.Context, args []string) (bool, error) {
	switch {
	case len(args) == 1 && args[0] == roleLoad:
		return true, serveLoad(os.Stdin, os.Stdout)
	case len(args) == 1 && args[0] == roleFloor:
		return true, floor.Run(ctx)
	}
	return false, nil
}

// LoadSpec is what the load generator sends: POST requests, each caller one after another.
type LoadSpec struct {
	URL     string // "{n}" is replaced by the number of the order
	Token   string // bearer token
	Body    string
	Orders  int
	Callers int
}

// LoadResult is what the load generator measured.
type LoadResult struct {
	Took    time.Duration
	Creates []time.Duration // the duration of each request
	Failed  int
	Failure string // one of them
}

const requestTimeout = time.Minute

// runLoad runs the load generator in a process of its own. It is an error if a create failed.
func runLoad(ctx context.Context, spec LoadSpec) (result LoadResult, err error) {
	self, err := os.Executable()
	if err != nil {
		return result, err
	}
	in, err := json.Marshal(spec)
	if err != nil {
		return result, err
	}
	cmd := exec.CommandContext(ctx, self, roleLoad)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return result, fmt.Errorf("generate load: %w", errors.Join(err, ctx.Err()))
	}
	if err := json.Unmarshal(out, &result); err != nil {
		return result, fmt.Errorf("generate load: %w", err)
	}
	if result.Failed > 0 {
		return result, fmt.Errorf("%d of %d creates failed: %s", result.Failed, spec.Orders, result.Failure)
	}
	return result, nil
}

// serveLoad is the load generator: it reads a LoadSpec and writes a LoadResult.
func serveLoad(in io.Reader, out io.Writer) error {
	var spec LoadSpec
	if err := json.NewDecoder(in).Decode(&spec); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(generate(spec))
}

func generate(spec LoadSpec) LoadResult {
	client := &fasthttp.Client{MaxConnsPerHost: spec.Callers, ReadTimeout: requestTimeout}
	result := LoadResult{Creates: make([]time.Duration, spec.Orders)}
	var next atomic.Int64
	var failures sync.Mutex
	var callers sync.WaitGroup
	began := time.Now()
	for range spec.Callers {
		callers.Go(func() {
			for i := int(next.Add(1)) - 1; i < spec.Orders; i = int(next.Add(1)) - 1 {
				sent := time.Now()
				err := create(client, spec, i)
				result.Creates[i] = time.Since(sent)
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

func create(client *fasthttp.Client, spec LoadSpec, number int) error {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI(strings.ReplaceAll(spec.URL, "{n}", strconv.Itoa(number)))
	req.Header.SetMethod(fasthttp.MethodPost)
	req.Header.SetContentType("application/json")
	req.Header.Set("Authorization", "Bearer "+spec.Token)
	req.SetBodyString(spec.Body)
	if err := client.Do(req, resp); err != nil {
		return err
	}
	if status := resp.StatusCode(); status/100 != 2 {
		return fmt.Errorf("status %d: %.300s", status, resp.Body())
	}
	return nil
}

// Percentiles of durations, in ms.
type Percentiles struct{ P50, P99, Max float64 }

func percentiles(all []time.Duration) Percentiles {
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
