package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// part is one program of the stack. It has a process group of its own, so that Ctrl-C at the terminal reaches only the
// launcher, which then stops the parts in order. It is killed when the launcher ends for any reason.
type part struct {
	name        string
	command     []string
	env         []string
	dir         string
	log         string // file
	url         string // where it serves HTTP for others; may be empty
	token       string // the API token that a sidecar requires
	metrics     string // URL of its metrics; set with Options.FreePorts
	ready       func(context.Context) error
	stopTimeout time.Duration // from SIGTERM to SIGKILL

	control sync.Mutex // held during a start, stop or kill
	mu      sync.Mutex
	process *os.Process
	onExit  func(error)   // called when the process exits without being asked to; may be nil
	exited  chan struct{} // closed when the process has exited
	exitErr error         // why it exited without being asked to; set before exited is closed
	wanted  bool          // false after the process exited or was asked to
}

// start starts the process unless it is running.
func (p *part) start() error {
	p.control.Lock()
	defer p.control.Unlock()
	if p.running() {
		return nil
	}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return nil
}

// run starts the process and waits for its exit. It locks its thread meanwhile: the kernel sends the parent-death signal
// when the thread that forked ends, not when the process ends.
func (p *part) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		started <- err
		return
	}
	defer log.Close()
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Dir, cmd.Env = p.dir, p.env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = partAttributes()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	exited := make(chan struct{})
	p.mu.Lock()
	p.process, p.exited, p.exitErr, p.wanted = cmd.Process, exited, nil, true
	p.mu.Unlock()
	started <- nil

	err = cmd.Wait()
	defer close(exited) // after onExit, so that Stack.Err is set once the exit is visible
	if err == nil {
		err = errors.New("it exited by itself")
	}
	p.mu.Lock()
	unexpected, onExit := p.wanted, p.onExit
	p.wanted = false
	if unexpected {
		p.exitErr = fmt.Errorf("%s %w: %w\n%s", p.name, errDied, err, p.logTail())
	}
	p.mu.Unlock()
	if unexpected && onExit != nil {
		onExit(p.exitErr)
	}
}

// supervise calls onExit when the process exits without being asked to. If that has already happened it returns why.
func (p *part) supervise(onExit func(error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onExit = onExit
	return p.exitErr
}

func (p *part) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alive()
}

func (p *part) alive() bool {
	if p.exited == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// stop asks the process to exit and returns when it has. A process that doesn't exit within stopTimeout is killed, which is
// an error.
func (p *part) stop() error {
	p.control.Lock()
	defer p.control.Unlock()
	if p.end(syscall.SIGTERM, p.stopTimeout) {
		return nil
	}
	if !p.end(syscall.SIGKILL, defaultTimeout) {
		return fmt.Errorf("%s can't be killed", p.name)
	}
	return fmt.Errorf("%s didn't stop within %v and was killed\n%s", p.name, p.stopTimeout, p.logTail())
}

// kill ends the process with SIGKILL, as a crash would.
func (p *part) kill() error {
	p.control.Lock()
	defer p.control.Unlock()
	if !p.end(syscall.SIGKILL, defaultTimeout) {
		return fmt.Errorf("%s can't be killed", p.name)
	}
	return nil
}

// end signals the process group and reports whether the process exits in time.
func (p *part) end(signal syscall.Signal, within time.Duration) bool {
	p.mu.Lock()
	if !p.alive() {
		p.mu.Unlock()
		return true
	}
	p.wanted = false
	exited := p.exited
	_ = signalGroup(p.process, signal) // fails only when the process has just exited
	p.mu.Unlock()
	select {
	case <-exited:
		return true
	case <-time.After(within):
		return false
	}
}

var errDied = errors.New("died")

// await returns nil when the part is ready. It returns an error that wraps errDied when the process has died.
func (p *part) await(ctx context.Context) error {
	p.mu.Lock()
	exited := p.exited
	p.mu.Unlock()
	var err error
	for {
		if err = p.ready(ctx); err == nil {
			return nil
		}
		select {
		case <-exited:
			return p.exitError()
		case <-ctx.Done():
			return fmt.Errorf("%s isn't ready: %w: %w\n%s", p.name, ctx.Err(), err, p.logTail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *part) exitError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exitErr != nil {
		return p.exitErr
	}
	return fmt.Errorf("%s was stopped before it was ready", p.name)
}

// logTail returns the last lines of the log, indented.
func (p *part) logTail() string {
	const lines, size = 12, 8 << 10
	f, err := os.Open(p.log)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > size {
		_, _ = f.Seek(-size, io.SeekEnd)
	}
	tail, _ := io.ReadAll(io.LimitReader(f, size))
	last := strings.Split(string(bytes.TrimSpace(tail)), "\n")
	last = last[max(0, len(last)-lines):]
	return fmt.Sprintf("    the end of %s:\n    %s", p.log, strings.Join(last, "\n    "))
}
