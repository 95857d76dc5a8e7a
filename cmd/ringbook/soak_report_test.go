package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is the section about a run.
func (s *soak) report(heading, what, table string, wrong int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `%s

Written by `+"`make soak`"+`, %s, on %s: %s, %d cores shared by the two nodes, PostgreSQL, a real Asterisk 22, the telephones and %d browsers. %s
%d calls in %v, %d per second. Calls that were placed and are not in the log, are there twice, or are there without having been placed: **%d**. Calls that did
not go as SIP should, seen from the telephones: %d.

%s
`, heading, time.Now().UTC().Format(time.DateOnly), processor(), runtime.Version(), runtime.NumCPU(), soakSockets, what, len(s.placed),
		time.Since(s.began).Round(time.Second), soakRate, wrong, s.failed, table)

	b.WriteString("| fault | times | another node led after, median | at most |\n|---|---|---|---|\n")
	byName := map[string][]mishap{}
	for _, o := range s.mishaps {
		byName[o.name] = append(byName[o.name], o)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		var took []time.Duration
		for _, o := range byName[name] {
			if o.takeover > 0 {
				took = append(took, o.takeover)
			}
		}
		median, most := "no change", ""
		if len(took) > 0 {
			median, most = seconds(percentile(took, .5)), seconds(percentile(took, 1))
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s |\n", name, len(byName[name]), median, most)
	}

	calm, troubled := s.browsers.delays(s.mishaps)
	b.WriteString("\nFrom Asterisk's time stamp of a ring until a browser has read the first frame in which it rings:\n\n| | rings × browsers | p50 | p95 | p99 |\n|---|---|---|---|---|\n")
	for _, part := range []struct {
		name   string
		delays []time.Duration
	}{{"without a fault", calm}, {fmt.Sprintf("from a fault until %v after it", aftermath), troubled}} {
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s |\n", part.name, len(part.delays), ms(percentile(part.delays, .5)), ms(percentile(part.delays, .95)), ms(percentile(part.delays, .99)))
	}
	rang, all := 0, 0
	for caller, kind := range s.placed {
		if kind == "answered" || kind == "queue" {
			all++
			if s.browsers.callers[caller] {
				rang++
			}
		}
	}
	away := s.browsers.away
	fmt.Fprintf(&b, `
Sockets that were lost: %d; the browser had a picture again after %s (median), %s (95 %%), %s (at most). A call that is answered rings for 0.3 s here:
%d of %d rang while no browser of the desk had a socket to a node that saw it, and were first shown as under way.

Memory of the process that lived longest, in the second half of its life: %s
`, len(away), seconds(percentile(away, .5)), seconds(percentile(away, .95)), seconds(percentile(away, 1)), all-rang, all, s.memoryTrend())
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// memoryTrend is the straight line through the second half of the longest life's samples.
func (s *soak) memoryTrend() string {
	var longest []memorySample
	for _, samples := range s.memory {
		if len(samples) > len(longest) {
			longest = samples
		}
	}
	longest = longest[len(longest)/2:]
	if len(longest) < 3 {
		return "no process lived long enough."
	}
	var n, sx, sy, sxx, sxy float64
	low, high := longest[0].bytes, longest[0].bytes
	for _, m := range longest {
		x, y := m.at.Sub(longest[0].at).Minutes(), float64(m.bytes)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
		low, high = min(low, m.bytes), max(high, m.bytes)
	}
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return fmt.Sprintf("%+.2f MB per minute over %v, between %.1f and %.1f MB.", slope/1e6, longest[len(longest)-1].at.Sub(longest[0].at).Round(time.Second),
		float64(low)/1e6, float64(high)/1e6)
}

// section is a section of a Markdown file, with its heading; empty: it has none.
func section(file, heading string) string {
	content, err := os.ReadFile(file)
	_, text, found := strings.Cut(string(content), heading+"\n")
	if err != nil || !found {
		return ""
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return heading + "\n" + text
}

// writeSection puts a section into a Markdown file in the place of the one with this heading, or at its end.
func writeSection(file, heading, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(old), heading+"\n")
	after := ""
	if found {
		if i := strings.Index(rest, "\n## "); i >= 0 {
			after = rest[i:]
		}
	} else {
		before = strings.TrimRight(before, "\n") + "\n\n"
	}
	return os.WriteFile(filepath.Clean(file), []byte(before+strings.TrimRight(text, "\n")+"\n"+after), 0o644)
}
