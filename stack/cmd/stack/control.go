package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"orders/stack"
)

// request is a line of the control protocol: {"do":"kill","part":"orders-actor"}.
//
//	kill, stop, start PART    start answers when the part is ready
//	url, parts                answers with them
//	close                     stops everything and ends; so does the end of the input
type request struct {
	Do   string `json:"do"`
	Part string `json:"part,omitempty"`
}

// reply answers each request, in order. The first one comes unasked when the stack is ready.
type reply struct {
	OK    bool     `json:"ok"`
	Error string   `json:"error,omitempty"`
	URL   string   `json:"url,omitempty"`
	Parts []string `json:"parts,omitempty"`
}

// control runs the product on free ports for tests in other languages.
func control(ctx context.Context, o stack.Options, in io.Reader, out io.Writer) (err error) {
	o.FreePorts = true
	o.Stdout = os.Stderr
	answer := json.NewEncoder(out)
	s, err := stack.Start(ctx, o)
	if err != nil {
		return errors.Join(err, answer.Encode(reply{Error: err.Error()}))
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := answer.Encode(reply{OK: true, URL: s.URL()}); err != nil {
		return err
	}

	requests := make(chan request)
	go func() { // ends with the input, or with the process
		defer close(requests)
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			var r request
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				r.Do = fmt.Sprintf("(%v)", err)
			}
			requests <- r
		}
	}()
	died := make(chan error, 1)
	go func() { died <- s.Wait(ctx) }()
	for {
		select {
		case err := <-died: // or a signal came
			return err
		case r, more := <-requests:
			if !more {
				return nil
			}
			if r.Do == "close" {
				return errors.Join(s.Close(), answer.Encode(reply{OK: true}))
			}
			if err := answer.Encode(obey(ctx, s, r)); err != nil {
				return err
			}
		}
	}
}

func obey(ctx context.Context, s *stack.Stack, r request) reply {
	var err error
	switch r.Do {
	case "kill":
		err = s.Kill(r.Part)
	case "stop":
		err = s.Stop(r.Part)
	case "start":
		if err = s.Start(r.Part); err == nil {
			err = s.WaitReady(ctx)
		}
	case "url", "parts":
	default:
		err = fmt.Errorf("unknown request %q", r.Do)
	}
	if err != nil {
		return reply{Error: err.Error()}
	}
	return reply{OK: true, URL: s.URL(), Parts: s.Parts()}
}
