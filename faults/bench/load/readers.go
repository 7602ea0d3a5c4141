package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"sync"
	"time"
)

// ReadersSpec is how many readers follow the event stream at a URL, and how many events each must get.
type ReadersSpec struct {
	URL     string
	Token   string
	Readers int
	Events  int
}

// Readers is a running process of readers.
type Readers struct {
	cmd    *exec.Cmd
	output *json.Decoder
}

// openedReaders is the first value that the process writes, when all its streams are open. The second one is Percentiles.
type openedReaders struct{ Opened int }

// StartReaders returns when all streams are open.
func StartReaders(ctx context.Context, spec ReadersSpec) (*Readers, error) {
	cmd, err := command(ctx, roleReaders, spec)
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &Readers{cmd: cmd, output: json.NewDecoder(out)}
	var opened openedReaders
	if err := r.output.Decode(&opened); err != nil {
		return nil, fmt.Errorf("open streams: %w", errors.Join(err, cmd.Wait()))
	}
	return r, nil
}

// Wait returns when each reader has got all events: how long after the change of its order an event arrived.
func (r *Readers) Wait() (lag Percentiles, _ error) {
	err := errors.Join(r.output.Decode(&lag), r.cmd.Wait())
	if err != nil {
		return lag, fmt.Errorf("read streams: %w", err)
	}
	return lag, nil
}

func serveReaders(ctx context.Context, in io.Reader, out io.Writer) error {
	var spec ReadersSpec
	if err := json.NewDecoder(in).Decode(&spec); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	client := &http.Client{Transport: &http.Transport{}}
	lags := make([][]time.Duration, spec.Readers)
	var opened, ended sync.WaitGroup
	opened.Add(spec.Readers)
	for i := range lags {
		ended.Go(func() {
			var err error
			if lags[i], err = follow(ctx, client, spec, opened.Done); err != nil {
				stop(err)
			}
		})
	}
	opened.Wait()
	if err := json.NewEncoder(out).Encode(openedReaders{spec.Readers}); err != nil {
		return err
	}
	ended.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	var all []time.Duration
	for _, of := range lags {
		all = append(all, of...)
	}
	return json.NewEncoder(out).Encode(PercentilesOf(all))
}

// follow reads one stream and calls opened once, also if it fails.
func follow(ctx context.Context, client *http.Client, spec ReadersSpec, opened func()) ([]time.Duration, error) {
	resp, err := open(ctx, client, spec)
	opened()
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	lags := make([]time.Duration, 0, spec.Events)
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for len(lags) < spec.Events && lines.Scan() {
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); ok {
			at, err := updatedAt(data)
			if err != nil {
				return nil, err
			}
			lags = append(lags, time.Since(at))
		}
	}
	if len(lags) < spec.Events {
		return nil, fmt.Errorf("the stream ended after %d of %d events: %w", len(lags), spec.Events, lines.Err())
	}
	return lags, nil
}

func open(ctx context.Context, client *http.Client, spec ReadersSpec) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, spec.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+spec.Token)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("open a stream: %s", resp.Status), resp.Body.Close())
	}
	return resp, nil
}

// updatedAt finds the time of an event. To decode the whole event would take the CPU time that the service needs.
func updatedAt(data []byte) (time.Time, error) {
	_, rest, ok := bytes.Cut(data, []byte(`"updatedAt":"`))
	if !ok {
		return time.Time{}, fmt.Errorf("the event has no updatedAt: %.300s", data)
	}
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return time.Parse(time.RFC3339, string(text))
}
