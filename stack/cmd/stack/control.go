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

// request is one line of the control protocol, such as {"do":"kill","part":"orders-actor"}.
//
//	kill, start PART    start replies when the part is ready
//	parts               every reply contains them, and the URL
//	close               stops everything and exits, as the end of the input does
type request struct {
	Do   string `json:"do"`
	Part string `json:"part,omitempty"`
}

// reply is the reply to a request. Replies come in the order of the requests. One is sent first when the stack is ready.
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
	encoder := json.NewEncoder(out)
	s, err := stack.Start(ctx, o)
	if err != nil {
		return errors.Join(err, encoder.Encode(reply{Error: err.Error()}))
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := encoder.Encode(reply{OK: true, URL: s.URL()}); err != nil {
		return err
	}

	requests := make(chan request)
	go func() { // returns at the end of the input
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
		case err := <-died: // or ctx is done
			return err
		case r, more := <-requests:
			if !more {
				return nil
			}
			if r.Do == "close" {
				return errors.Join(s.Close(), encoder.Encode(reply{OK: true}))
			}
			if err := encoder.Encode(execute(ctx, s, r)); err != nil {
				return err
			}
		}
	}
}

func execute(ctx context.Context, s *stack.Stack, r request) reply {
	var err error
	switch r.Do {
	case "kill":
		err = s.Kill(r.Part)
	case "start":
		if err = s.Start(r.Part); err == nil {
			err = s.WaitReady(ctx)
		}
	case "parts":
	default:
		err = fmt.Errorf("unknown request %q", r.Do)
	}
	if err != nil {
		return reply{Error: err.Error()}
	}
	return reply{OK: true, URL: s.URL(), Parts: s.Parts()}
}
