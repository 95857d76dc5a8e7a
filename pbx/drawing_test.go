package pbx_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
)

// drawings is the page with every scenario's record, drawn.
const drawings = "../docs/scenarios.md"

const drawingsHead = `# Every scenario, drawn

What happens, what the call log says about it, and the record drawn: a line for everyone who took part or was asked to. [How calls are recorded](calls.md)
tells the rules. Drawn from the recordings of the plain dialplan ([pbx/testdata](../pbx/testdata/README.md)); with that of FreePBX
and Issabel the record is the same.

A sign is a fifth of a second: ` + "`.` rings or waits, `=` talks, `h` (an agent's line) has the customer on hold or is held, `|` is out of it" + `.

<!-- Written by go test ./pbx -run Golden -update -->
`

// TestTracker_GoldenDrawings keeps docs/scenarios.md what the recordings say.
func TestTracker_GoldenDrawings(t *testing.T) {
	var page strings.Builder
	page.WriteString(drawingsHead)
	for _, s := range pbxtest.Scenarios {
		fmt.Fprintf(&page, "\n## %s\n\n%s\n", s.Name, s.Story)
		for _, e := range s.Expect {
			fmt.Fprintf(&page, "\n- %s", e)
		}
		page.WriteString("\n\n```text\n")
		calls := listed(fold(recording(t, s.Name)).last())
		for i, c := range calls {
			if i > 0 {
				page.WriteByte('\n')
			}
			page.WriteString(draw(c, calls[0].StartedAt))
		}
		page.WriteString("```\n")
	}
	if *update {
		if err := os.WriteFile(drawings, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(drawings)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != page.String() {
		t.Errorf("%s is stale: go test ./pbx -run Golden -update", drawings)
	}
}

// draw draws a call, a line for each leg; at the left edge it is begun.
func draw(c pbx.Call, begun time.Time) string {
	const sign = 200 * time.Millisecond
	column := func(at time.Time) int { return int(at.Sub(begun) / sign) }
	var b strings.Builder
	width := column(c.EndedAt) + 1
	for i, l := range c.Legs {
		line := []byte(strings.Repeat(" ", width))
		fill := func(from, to time.Time, with byte) {
			for i := column(from); i < max(column(to), column(from)+1) && i < width; i++ {
				line[i] = with
			}
		}
		fill(l.OfferedAt, l.EndedAt, '.')
		for _, s := range l.Spans {
			with := byte('=')
			if s.Kind == pbx.SpanHold {
				with = 'h'
			}
			fill(s.From, s.To, with)
		}
		end := min(max(column(l.EndedAt), column(l.OfferedAt)+1), width)
		who, how := l.Extension, strings.ReplaceAll(string(l.End), "_", " ")
		if l.Role == pbx.RoleCustomer {
			who = l.Number
			if i == 0 || c.Direction == pbx.Outbound {
				who = "customer"
			}
		}
		for _, other := range c.Legs {
			if other.ID == l.Parent {
				how += ", through " + other.Extension
			}
		}
		fmt.Fprintf(&b, "%-13s%-*s  %s\n", who, width+1, string(line[:end])+"|", how)
	}
	return b.String()
}
