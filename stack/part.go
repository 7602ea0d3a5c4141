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

// part is one program of the stack. It has a process group of its own, so that a Ctrl-C at the terminal reaches only the
// launcher, which stops the parts in order; and it dies with the launcher, however that ends.
type part struct {
	name    string
	command []string
	env     []string
	dir     string
	log     string // file
	url     string // where it serves HTTP, if it does so for others
	token   string // what a sidecar demands of its callers
	metrics string // where it serves metrics, as a URL; set with Options.FreePorts
	ready   func(context.Context) error
	fresh   func() error  // before each start; may be nil
	grace   time.Duration // from SIGTERM to SIGKILL
	died    func(error)   // called once per start when it ends though nobody asked it to

	control sync.Mutex // one start, stop or kill at a time
	mu      sync.Mutex
	process *os.Process
	exited  chan struct{} // closed when the process has ended
	wanted  bool          // false once somebody asked it to end
}

// start starts the process. It does nothing when it runs.
func (p *part) start() error {
	p.control.Lock()
	defer p.control.Unlock()
	if p.running() {
		return nil
	}
	if p.fresh != nil {
		if err := p.fresh(); err != nil {
			return fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return nil
}

// run starts the process and waits for its end. It keeps its thread meanwhile: the kernel sends the death signal when
// the thread that forked ends, not the process.
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
	p.process, p.exited, p.wanted = cmd.Process, exited, true
	p.mu.Unlock()
	started <- nil

	err = cmd.Wait()
	defer close(exited) // after died: who sees it ended finds out why
	p.mu.Lock()
	unasked := p.wanted
	p.wanted = false
	p.mu.Unlock()
	if unasked {
		if err == nil {
			err = errors.New("it ended by itself")
		}
		p.died(fmt.Errorf("%s died: %w\n%s", p.name, err, p.lastWords()))
	}
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

// stop asks the process to end and returns when it has. What doesn't end within its grace is killed, and reported.
func (p *part) stop() error {
	p.control.Lock()
	defer p.control.Unlock()
	if p.end(syscall.SIGTERM, p.grace) {
		return nil
	}
	if !p.end(syscall.SIGKILL, patience) {
		return fmt.Errorf("%s can't be killed", p.name)
	}
	return fmt.Errorf("%s didn't stop within %v and was killed\n%s", p.name, p.grace, p.lastWords())
}

// kill ends the process as a crash would.
func (p *part) kill() error {
	p.control.Lock()
	defer p.control.Unlock()
	if !p.end(syscall.SIGKILL, patience) {
		return fmt.Errorf("%s can't be killed", p.name)
	}
	return nil
}

// end signals the process group and reports whether the process is gone in time.
func (p *part) end(signal syscall.Signal, within time.Duration) bool {
	p.mu.Lock()
	if !p.alive() {
		p.mu.Unlock()
		return true
	}
	p.wanted = false
	exited := p.exited
	_ = signalGroup(p.process, signal) // fails only when it has just ended
	p.mu.Unlock()
	select {
	case <-exited:
		return true
	case <-time.After(within):
		return false
	}
}

var errEnded = errors.New("a part has ended")

// await returns when the part is ready, has ended (errEnded), or ctx is done.
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
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("%s isn't ready: %w: %w\n%s", p.name, ctx.Err(), err, p.lastWords())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// lastWords are the last lines of the log, indented.
func (p *part) lastWords() string {
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
