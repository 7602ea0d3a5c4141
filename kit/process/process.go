//go:build unix

// Package process starts, watches and stops programs for the launcher and for tests, and finds ports for them.
package process

import (
	"bytes"
	"cmp"
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

// killTimeout is how long the kernel may take to end a killed process.
const killTimeout = time.Minute

// Process is a program. It has a process group of its own, so that Ctrl-C at the terminal reaches only the process that
// started it, which then stops it in order. On Linux it is killed when that process ends for any reason.
type Process struct {
	Name        string
	Command     []string
	Env         []string
	Dir         string
	Log         string // file
	URL         string // where it serves HTTP for others; may be empty
	Token       string // the API token that a sidecar requires
	Metrics     string // URL of its metrics; may be empty
	Ready       func(context.Context) error
	StopSignal  syscall.Signal      // SIGTERM if 0
	StopTimeout time.Duration       // from StopSignal to SIGKILL
	Account     *syscall.Credential // the user to run as; nil: the current one

	control sync.Mutex // held during a start, stop or kill
	mu      sync.Mutex
	process *os.Process
	onExit  func(error)   // called when the process exits without being asked to; may be nil
	exited  chan struct{} // closed when the process has exited
	exitErr error         // why it exited without being asked to; set before exited is closed
	wanted  bool          // false after the process exited or was asked to
}

// Start starts the process unless it is running.
func (p *Process) Start() error {
	p.control.Lock()
	defer p.control.Unlock()
	if p.Running() {
		return nil
	}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	return nil
}

// run starts the process and waits for its exit. It locks its thread meanwhile: the kernel sends the parent-death signal
// when the thread that forked ends, not when the process ends.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		started <- err
		return
	}
	defer log.Close()
	cmd := exec.Command(p.Command[0], p.Command[1:]...)
	cmd.Dir, cmd.Env = p.Dir, p.Env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes()
	cmd.SysProcAttr.Credential = p.Account
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
	defer close(exited) // after onExit, so that its effects are there once the exit is visible
	if err == nil {
		err = errors.New("it exited by itself")
	}
	p.mu.Lock()
	unexpected, onExit := p.wanted, p.onExit
	p.wanted = false
	if unexpected {
		p.exitErr = fmt.Errorf("%s %w: %w\n%s", p.Name, ErrDied, err, p.LogTail())
	}
	p.mu.Unlock()
	if unexpected && onExit != nil {
		onExit(p.exitErr)
	}
}

// Supervise calls onExit when the process exits without being asked to. If that has already happened it returns why.
func (p *Process) Supervise(onExit func(error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onExit = onExit
	return p.exitErr
}

// Running reports whether the process runs.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alive()
}

func (p *Process) alive() bool {
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

// Stop asks the process to exit and returns when it has. A process that doesn't exit within StopTimeout is killed, which is
// an error.
func (p *Process) Stop() error {
	p.control.Lock()
	defer p.control.Unlock()
	if p.end(cmp.Or(p.StopSignal, syscall.SIGTERM), p.StopTimeout) {
		return nil
	}
	if err := p.kill(); err != nil {
		return err
	}
	return fmt.Errorf("%s didn't stop within %v and was killed\n%s", p.Name, p.StopTimeout, p.LogTail())
}

// SetEnv changes variables. They take effect when the process is started next.
func (p *Process) SetEnv(variables map[string]string) {
	p.control.Lock()
	defer p.control.Unlock()
	for name, value := range variables {
		p.Env = append(p.Env, name+"="+value) // the last value of a variable counts
	}
}

// PID returns the process id, or 0 when the process isn't running.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.alive() {
		return 0
	}
	return p.process.Pid
}

// Kill ends the process with SIGKILL, as a crash would.
func (p *Process) Kill() error {
	p.control.Lock()
	defer p.control.Unlock()
	return p.kill()
}

func (p *Process) kill() error {
	if !p.end(syscall.SIGKILL, killTimeout) {
		return fmt.Errorf("%s can't be killed", p.Name)
	}
	return nil
}

// end signals the process group and reports whether the process exits in time.
func (p *Process) end(signal syscall.Signal, within time.Duration) bool {
	p.mu.Lock()
	if !p.alive() {
		p.mu.Unlock()
		return true
	}
	p.wanted = false
	exited := p.exited
	_ = syscall.Kill(-p.process.Pid, signal) // the group; fails only when the process has just exited
	p.mu.Unlock()
	select {
	case <-exited:
		return true
	case <-time.After(within):
		return false
	}
}

// ErrDied is wrapped by the errors for a process that exited without being asked to.
var ErrDied = errors.New("died")

// Await returns nil when the process is ready. It returns an error that wraps ErrDied when the process has died.
func (p *Process) Await(ctx context.Context) error { return p.AwaitFunc(ctx, p.Ready) }

// AwaitFunc is Await with another condition.
func (p *Process) AwaitFunc(ctx context.Context, ready func(context.Context) error) error {
	p.mu.Lock()
	exited := p.exited
	p.mu.Unlock()
	var err error
	for {
		if err = ready(ctx); err == nil {
			return nil
		}
		select {
		case <-exited:
			return p.exitError()
		case <-ctx.Done():
			return fmt.Errorf("%s isn't ready: %w: %w\n%s", p.Name, ctx.Err(), err, p.LogTail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *Process) exitError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exitErr != nil {
		return p.exitErr
	}
	return fmt.Errorf("%s was stopped before it was ready", p.Name)
}

// LogTail returns the last lines of the log, indented.
func (p *Process) LogTail() string {
	const lines, size = 12, 8 << 10
	f, err := os.Open(p.Log)
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
	return fmt.Sprintf("    the end of %s:\n    %s", p.Log, strings.Join(last, "\n    "))
}

// LockFile locks the file. The kernel releases the lock when the process ends.
func LockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
