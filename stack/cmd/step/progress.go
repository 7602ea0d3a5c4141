package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress is how far a step has come.
type progress struct {
	name    string
	began   time.Time
	modules int             // downloaded
	total   int             // packages to compile; 0 when they aren't counted
	left    map[string]bool // packages that aren't compiled yet
}

// line takes a line of the command's output and reports whether it tells progress.
func (p *progress) line(text string) bool {
	if strings.HasPrefix(text, "go: downloading ") {
		p.modules++
		return true
	}
	known := p.left[text]
	delete(p.left, text)
	return known
}

// text is the progress in a line of at most 79 columns.
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
		text += ", about " + rough(took/time.Duration(done)*time.Duration(len(p.left))) + " left"
	}
	return text
}

// tenth is how many tenths are done, of a step that is worth more than one line.
func (p *progress) tenth() int {
	if p.total < 100 {
		return 0
	}
	return 10 * (p.total - len(p.left)) / p.total
}

// result is what stays of a step.
func (p *progress) result(now time.Time) string {
	return fmt.Sprintf("%s: done after %s", p.name, rough(now.Sub(p.began)))
}

// rough is a duration as one says it.
func rough(d time.Duration) string {
	if d >= 100*time.Second {
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	}
	return fmt.Sprintf("%d s", int(d.Seconds())+1)
}

// line is the one line that shows a step. On a terminal it is written over; elsewhere it is written when a tenth more is done.
type line struct {
	out    io.Writer
	moves  bool
	status string // file that holds it for others; may be empty

	last    string
	tenth   int // of last
	written time.Time
}

// show shows a text, of a step of which some tenths are done.
func (l *line) show(text string, tenth int) {
	if text == l.last {
		return
	}
	if now := time.Now(); l.status != "" && now.Sub(l.written) > time.Second {
		l.written = now
		_ = os.WriteFile(l.status, fmt.Appendf(nil, "process %d: %s\n", os.Getpid(), text), 0o600) // only a hint for others
	}
	switch {
	case l.moves:
		fmt.Fprintf(l.out, "\r\x1b[K%s", text)
	case l.last == "", tenth != l.tenth:
		fmt.Fprintln(l.out, text)
	}
	l.last, l.tenth = text, tenth
}

// finish leaves a result in the place of the line, if there was one.
func (l *line) finish(result string) {
	if l.last != "" {
		l.end()
		fmt.Fprintln(l.out, result)
	}
}

// end takes a moving line away.
func (l *line) end() {
	if l.moves && l.last != "" {
		fmt.Fprint(l.out, "\r\x1b[K")
	}
	l.last = ""
}
