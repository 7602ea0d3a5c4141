package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress counts what a step has done.
type progress struct {
	name    string
	began   time.Time
	modules int             // downloaded
	total   int             // packages to compile; 0 if they aren't counted
	left    map[string]bool // packages still to compile
}

// line processes a line of the command's output and reports whether it was a progress line.
func (p *progress) line(text string) bool {
	if strings.HasPrefix(text, "go: downloading ") {
		p.modules++
		return true
	}
	known := p.left[text]
	delete(p.left, text)
	return known
}

// text returns the progress as a line of at most 79 columns.
func (p *progress) text(now time.Time) string {
	done, took := p.total-len(p.left), now.Sub(p.began)
	switch {
	case p.total == 0 && p.left == nil && p.modules > 0:
		return fmt.Sprintf("%s: %d modules downloaded", p.name, p.modules)
	case p.total == 0 && p.left == nil:
		return p.name
	case len(p.left) == 0:
		return p.name + ": linking"
	}
	text := fmt.Sprintf("%s: %d %%, %d of %d packages", p.name, 100*done/p.total, done, p.total)
	if took >= 5*time.Second && done >= 10 {
		text += ", about " + approximate(took/time.Duration(done)*time.Duration(len(p.left))) + " left"
	}
	return text
}

// tenth returns how many tenths are done. It is 0 for a short step, which gets a single line.
func (p *progress) tenth() int {
	if p.total < 100 {
		return 0
	}
	return 10 * (p.total - len(p.left)) / p.total
}

// result returns the line that is shown when the step is done.
func (p *progress) result(now time.Time) string {
	return fmt.Sprintf("%s: done after %s", p.name, approximate(now.Sub(p.began)))
}

// approximate formats a duration as minutes or seconds.
func approximate(d time.Duration) string {
	if d >= 100*time.Second {
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	}
	return fmt.Sprintf("%d s", int(d.Seconds())+1)
}

// line shows a step. On a terminal the line is rewritten; elsewhere a new line is printed per tenth.
type line struct {
	out      io.Writer
	terminal bool
	status   string // file to which the line is also written, for waiting processes; may be empty

	last    string
	tenth   int // of last
	written time.Time
}

// show shows a text. tenth is the number of tenths that are done.
func (l *line) show(text string, tenth int) {
	if text == l.last {
		return
	}
	if now := time.Now(); l.status != "" && now.Sub(l.written) > time.Second {
		l.written = now
		_ = os.WriteFile(l.status, fmt.Appendf(nil, "process %d: %s\n", os.Getpid(), text), 0o600) // a failure only affects the message of waiting processes
	}
	switch {
	case l.terminal:
		fmt.Fprintf(l.out, "\r\x1b[K%s", text)
	case l.last == "", tenth != l.tenth:
		fmt.Fprintln(l.out, text)
	}
	l.last, l.tenth = text, tenth
}

// finish replaces the line by a result. It prints nothing if no line was shown.
func (l *line) finish(result string) {
	if l.last != "" {
		l.end()
		fmt.Fprintln(l.out, result)
	}
}

// end erases the line on a terminal.
func (l *line) end() {
	if l.terminal && l.last != "" {
		fmt.Fprint(l.out, "\r\x1b[K")
	}
	l.last = ""
}
