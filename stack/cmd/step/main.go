// Command step runs one step of a build and shows its progress in a single line: the name, the share that is done, and the
// time left. On a terminal the line is rewritten; elsewhere a new line is printed per tenth of the step. The command's own
// output is shown only if it fails.
//
//	step NAME CMD ARG…       run CMD; for a `go build` with flags of the form -flag=value, count the packages
//	step -lock FILE CMD …    run CMD while holding the lock FILE; while waiting for it, show what its holder is doing
//
// It uses only the standard library, because it is built before anything is downloaded.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// statusFile is the environment variable in which step -lock passes the lock file to nested steps, which write their
// progress into it.
const statusFile = "STEP_STATUS"

func main() {
	signal.Notify(make(chan os.Signal, 1), os.Interrupt) // the command receives it too; wait until it exits
	err := run(os.Args[1:])
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		os.Exit(max(exit.ExitCode(), 1))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "step:", err)
		os.Exit(2)
	}
}

func run(args []string) error {
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	switch {
	case len(args) > 2 && args[0] == "-lock":
		return locked(args[1], args[2:], &line{out: os.Stdout, terminal: terminal})
	case len(args) > 1:
		return step(args[0], args[1:], &line{out: os.Stdout, terminal: terminal, status: os.Getenv(statusFile)})
	default:
		return errors.New("usage: step NAME COMMAND… or step -lock FILE COMMAND…")
	}
}

// locked runs a command while holding the lock.
func locked(path string, command []string, l *line) error {
	for {
		lock, holder, err := tryLock(path)
		if err != nil {
			return err
		}
		if lock == nil {
			l.show("waiting for "+holder, 0)
			<-time.After(time.Second)
			continue
		}
		defer lock.Close()
		l.end()
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env = append(os.Environ(), statusFile+"="+path)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return cmd.Run()
	}
}

// tryLock takes the lock, or returns what its holder is doing. The kernel releases the lock when the process ends.
func tryLock(path string) (_ *os.File, holder string, _ error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, "", err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		content, _ := io.ReadAll(f)
		if holder = string(bytes.TrimSpace(content)); holder == "" {
			holder = "another make in this folder"
		}
		return nil, holder, f.Close()
	}
	return f, "", os.WriteFile(path, fmt.Appendf(nil, "process %d\n", os.Getpid()), 0o600)
}

// step runs a command and shows its progress.
func step(name string, command []string, l *line) error {
	p := &progress{name: name, began: time.Now()}
	var err error
	if len(command) > 2 && command[0] == "go" && command[1] == "build" {
		if p.left, err = p.stale(command[2:], l); err != nil {
			return err
		}
		p.total, p.began = len(p.left), time.Now()
		command = slices.Insert(slices.Clone(command), 2, "-v")
	} else {
		l.show(p.text(time.Now()), p.tenth())
	}
	if err := p.watch(exec.Command(command[0], command[1:]...), l, nil); err != nil {
		return err
	}
	l.finish(p.result(time.Now()))
	return nil
}

// stale returns the packages that a go build with these arguments must compile. It downloads missing modules.
func (p *progress) stale(args []string, l *line) (map[string]bool, error) {
	list := []string{"list", "-deps", "-f", `{{if and .Stale (ne .Name "main")}}{{.ImportPath}}{{end}}`}
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-o=") {
			list = append(list, arg)
		}
	}
	var found bytes.Buffer
	if err := p.watch(exec.Command("go", list...), l, &found); err != nil {
		return nil, err
	}
	packages := map[string]bool{}
	for name := range strings.FieldsSeq(found.String()) {
		packages[name] = true
	}
	return packages, nil
}

// watch runs a command and shows p while it runs. The command's stdout goes to stdout unless that is nil. Other output is
// kept and printed if the command fails.
func (p *progress) watch(cmd *exec.Cmd, l *line, stdout io.Writer) error {
	read, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if cmd.Stdout = stdout; stdout == nil {
		cmd.Stdout = cmd.Stderr
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	texts := make(chan string)
	go func() {
		defer close(texts)
		lines := bufio.NewScanner(read)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			texts <- lines.Text()
		}
		_, _ = io.Copy(io.Discard, read) // after a line that is too long
	}()
	tick := time.NewTicker(time.Second) // updates the time left
	defer tick.Stop()
	var output []string
	for {
		select {
		case text, more := <-texts:
			if !more {
				err := cmd.Wait()
				if err != nil {
					l.end()
					fmt.Fprintf(os.Stderr, "%s failed: %s\n%s\n", p.name, strings.Join(cmd.Args, " "), strings.Join(output, "\n"))
				}
				return err
			}
			if !p.line(text) {
				output = append(output, text)
				output = output[max(0, len(output)-500):]
				continue
			}
		case <-tick.C:
		}
		l.show(p.text(time.Now()), p.tenth())
	}
}
