package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// progress tells how far a long command is: on a terminal in a line that changes, elsewhere in one line for each step.
// It is an io.Writer that counts what passes. For one goroutine at a time.
type progress struct {
	to    io.Writer
	live  bool // to is a terminal
	what  string
	total int64 // bytes of this step; 0: not known
	done  int64
	began time.Time
	shown time.Time
}

func newProgress(to io.Writer) *progress {
	p := &progress{to: to}
	if f, ok := to.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		p.live = err == nil
	}
	return p
}

// begin begins a step of so many bytes.
func (p *progress) begin(what string, total int64) {
	p.what, p.total, p.done, p.began, p.shown = what, total, 0, time.Now(), time.Time{}
	p.show()
}

func (p *progress) Write(b []byte) (int, error) {
	p.done += int64(len(b))
	if p.live && time.Since(p.shown) > 200*time.Millisecond {
		p.show()
	}
	return len(b), nil
}

func (p *progress) show() {
	if !p.live {
		return
	}
	p.shown = time.Now()
	far := byteSize(p.done)
	if p.total > 0 {
		far = fmt.Sprintf("%d %% of %s", min(100, 100*p.done/p.total), byteSize(p.total))
	}
	fmt.Fprintf(p.to, "\r\x1b[K%s: %s, %s", p.what, far, time.Since(p.began).Round(time.Second))
}

// end ends the step with a sentence; empty: with none.
func (p *progress) end(said string) {
	if p.live {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
	if said != "" {
		fmt.Fprintf(p.to, "%s (%s)\n", said, time.Since(p.began).Round(10*time.Millisecond))
	}
}

func (p *progress) say(format string, args ...any) { fmt.Fprintf(p.to, format+"\n", args...) }

// byteSize is a number of bytes as people read it.
func byteSize(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}

// count is a number of things: "1 file", "2 files".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
