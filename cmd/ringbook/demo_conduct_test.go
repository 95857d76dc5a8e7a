package main

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"ringbook/web"
)

func TestParseCall(t *testing.T) {
	s, phones, number, err := parseCall("queue-ringall-answered  09121234567 1003")
	if err != nil || s.trace != "queue-ringall-answered" || strings.Join(phones, " ") != "1003 1001" || number != "09121234567" {
		t.Errorf("%s %s %s %v", s.trace, phones, number, err)
	}
	for line, fault := range map[string]string{
		"":                                     "direct-no-answer",
		"no-such-thing 09121234567":            "direct-no-answer",
		"direct-no-answer":                     "names nobody",
		"direct-no-answer 0912 1001 1002":      "more phones than the 1",
		"direct-no-answer 09121234567 1001999": "1001, 1002, 1003, 1004",
	} {
		if _, _, _, err := parseCall(line); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q: %v, want %q in it", line, err, fault)
		}
	}
}

// TestDemoConducted: only those call whom the lines name, and a faulty line is no end.
func TestDemoConducted(t *testing.T) {
	clearEnvironment(t)
	ctx, stop := context.WithCancel(t.Context())
	out := newLines()
	done := make(chan int, 1)
	lines, write := io.Pipe()
	defer write.Close()
	go func() {
		done <- execute(&console{ctx: ctx, stdout: out, stderr: out, stdin: lines}, []string{
			"demo", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "demo"), "--pause", "1ms", "--conduct",
		})
	}()
	out.await(t, "└──")
	_, after, _ := strings.Cut(out.String(), "The demo is ringing:  ")
	base, _, _ := strings.Cut(after, " ")
	desk := login(t, base, "neda", demoPassword).push()
	defer desk.Close()
	if _, err := io.WriteString(write, "nonsense\nwithheld-by-privacy-header 09121234567\n"); err != nil {
		t.Fatal(err)
	}
	picture := awaitDesk(t, desk, "the withheld call rings", func(d web.Desk) bool { return len(d.Calls) > 0 })
	if len(picture.Calls) != 1 || !picture.Calls[0].Call.Caller.Withheld {
		t.Errorf("on the desk: %+v", picture.Calls)
	}
	if !strings.Contains(out.String(), "begins with none of the scenarios") {
		t.Error("the faulty line is not answered")
	}
	stop()
	if code := <-done; code != 0 {
		t.Errorf("exit status %d and\n%s", code, out.String())
	}
}
