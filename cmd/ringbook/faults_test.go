package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringbook/calllog"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
	"ringbook/web"
)

// outage is a real Asterisk with twenty calls at a time, and ringbook in a process of its own at the other end of a
// wire. Each fault is played once on it.
type outage struct {
	*testing.T
	pbx         *pbxtest.Asterisk
	wire        *pbxtest.Wire
	environment []string
	process     *process
	admin       *person
	rounds      int
	whole       int // rows that the log should have
}

// twenty are the calls that go on when a fault begins: of these some end while nobody listens, and some new ones begin.
const (
	twenty = 20
	unseen = 8
	begun  = 3
)

func newOutage(t *testing.T) *outage {
	lab := pbxtest.StartAsterisk(t)
	wire, err := pbxtest.NewWire(lab.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wire.Close)
	o := &outage{T: t, pbx: lab, wire: wire, environment: []string{
		"RINGBOOK_DATABASE=" + dbtest.URL(dbtest.New(t)), "RINGBOOK_DATA=" + t.TempDir(), "RINGBOOK_PBX=main=" + wire.URL(),
		"RINGBOOK_ADMIN_PASSWORD=" + testPassword,
	}}
	o.start()
	lab.Phone("1001", pbxtest.Behaviour{Answer: true})
	return o
}

// start starts ringbook, and logs in.
func (o *outage) start() {
	o.process = startProcess(o.T, o.environment...)
	awaitReady(o.T, o.process.URL)
	o.admin = login(o.T, o.process.URL, "admin", testPassword)
}

// place places calls of this round from the n-th caller on.
func (o *outage) place(from, to int) []string {
	var numbers []string
	for n := from; n < to; n++ {
		number := fmt.Sprintf("0912%03d%04d", o.rounds, n)
		o.pbx.Call(pbxtest.CallSpec{From: number, To: "91001236"})
		numbers = append(numbers, number)
	}
	o.whole += len(numbers)
	return numbers
}

// rows are the log's, by the caller's number. A number that is there twice fails the test.
func (o *outage) rows(filter string) map[string]calllog.Record {
	o.Helper()
	var p page
	o.admin.do(http.MethodGet, "/calls?limit=200"+filter, nil, &p)
	rows := map[string]calllog.Record{}
	for _, r := range p.Items {
		if _, ok := rows[r.Caller.Raw]; ok {
			o.Errorf("the call of %s is in the log twice", r.Caller.Raw)
		}
		rows[r.Caller.Raw] = r
	}
	return rows
}

func (o *outage) status() web.Status {
	var s web.Status
	o.admin.do(http.MethodGet, "/status", nil, &s)
	return s
}

func (o *outage) mend() {
	if err := o.wire.Mend(); err != nil {
		o.Fatal(err)
	}
}

func (o *outage) live() bool { return o.status().PBX[0].Live }

// round plays one fault: it begins while twenty calls go on, of which some end, and others begin, before it is over.
func (o *outage) round(name string, begin, end func()) {
	o.Helper()
	o.rounds++
	before := o.place(0, twenty)
	talking := func(numbers []string) bool {
		rows := o.rows("&state=talking")
		for _, n := range numbers {
			if len(rows[n].Legs) != 2 {
				return false
			}
		}
		return len(rows) == len(numbers)
	}
	eventually(o.T, name+": twenty calls", func() bool { return talking(before) })

	silent := time.Now()
	begin()
	o.pbx.HangUp(before[:unseen]...)
	gone := time.Now()
	during := o.place(twenty, twenty+begun)
	o.pbx.Eventually("nobody answers", func() bool { return o.pbx.Channels() == 2*(twenty-unseen+begun) })
	end()

	eventually(o.T, name+": ringbook listens again", o.live)
	back := time.Now()
	now := slices.Concat(before[unseen:], during)
	eventually(o.T, name+": the right calls go on", func() bool { return talking(now) })
	o.Logf("%s: %v, right %v after it was live", name, back.Sub(silent).Round(time.Millisecond), time.Since(*o.status().PBX[0].Since).Round(time.Millisecond))
	o.pbx.HangUp(now...)
	eventually(o.T, name+": no call goes on", func() bool { return len(o.rows("&state=talking")) == 0 })

	rows := o.rows("")
	maps.DeleteFunc(rows, func(number string, _ calllog.Record) bool {
		return !strings.HasPrefix(number, fmt.Sprintf("0912%03d", o.rounds))
	})
	for _, n := range before[:unseen] {
		r := rows[n]
		if !r.Reconstructed || r.EndedAt == nil || r.EndedBefore == nil {
			o.Fatalf("%s: a call that ended unseen: %+v", name, r)
		}
		// Bounds are as good as the last test event before; the calls have all been answered since.
		if r.EndedAt.After(gone) || r.EndedBefore.Before(silent) || r.EndedBefore.After(back.Add(time.Second)) || r.EndedAt.Before(*r.AnsweredAt) {
			o.Errorf("%s: ended between %v and %v; it was between %v and %v", name, r.EndedAt, r.EndedBefore, silent, gone)
		}
	}
	for _, n := range before {
		if r := rows[n]; r.State != pbx.StateEnded || r.Direction != pbx.Inbound || r.Outcome == nil || *r.Outcome != pbx.Answered || len(r.Legs) != 2 {
			o.Errorf("%s: a call: %+v", name, r)
		}
	}
	for _, n := range before[unseen:] {
		if r := rows[n]; r.Reconstructed || r.EndedBefore != nil || r.TalkMS < gone.Sub(silent).Milliseconds() {
			o.Errorf("%s: a call that went on throughout: %+v", name, r)
		}
	}
	for _, n := range during {
		if r := rows[n]; !r.Partial || r.Reconstructed || r.State != pbx.StateEnded || *r.Outcome != pbx.Answered || len(r.Legs) != 2 {
			o.Errorf("%s: a call that began unseen: %+v", name, r)
		}
	}
	if len(rows) != twenty+begun {
		o.Errorf("%s: %d rows for %d calls", name, len(rows), twenty+begun)
	}
}

// gap is the newest gap of the log, which began at a moment between from and begun, and has ended by to.
func (o *outage) gap(why pbx.GapReason, from, begun, to time.Time) {
	o.Helper()
	var found web.Gaps
	eventually(o.T, "the gap is in the log", func() bool {
		found = web.Gaps{}
		o.admin.do(http.MethodGet, "/gaps?from="+url.QueryEscape(from.UTC().Format(time.RFC3339Nano)), nil, &found)
		return len(found.Items) > 0 && found.Items[0].To != nil
	})
	g := found.Items[0]
	if len(found.Items) != 1 || g.Reason != why || g.PBX != "main" {
		o.Errorf("gaps %+v, want one, %s", found.Items, why)
	}
	if g.From.After(begun) || g.From.Before(from.Add(-15*time.Second)) || g.To.Before(from) || g.To.After(to.Add(time.Second)) {
		o.Errorf("the gap is from %v to %v; nobody listened from %v to %v", g.From, g.To, from, to)
	}
}

// Every fault once, on a real Asterisk, with twenty live calls: afterwards the log tells of each call exactly once, says
// what was not seen, and where it was not there.
func TestFaults_A1_A2_L11_EveryCallOnceAndEveryGap(t *testing.T) {
	o := newOutage(t)
	fault := func(name string, why pbx.GapReason, begin, end func()) {
		var from, begun time.Time
		o.round(name, func() { from = time.Now(); begin(); begun = time.Now() }, end)
		o.gap(why, from, begun, time.Now())
	}
	for _, length := range []time.Duration{time.Second, 10 * time.Second} {
		var mend <-chan time.Time
		fault(fmt.Sprintf("the socket is cut for %v", length), pbx.GapDisconnected,
			func() { mend = time.After(length); o.wire.Cut() },
			func() { <-mend; o.mend() })
	}
	fault("ringbook is killed in mid-call", pbx.GapKilled, o.process.kill, o.start)

	// An orderly end says so.
	stopped := time.Now()
	o.process.terminate(t)
	down := time.Now()
	o.start()
	o.gap(pbx.GapStopped, stopped, down, time.Now())

	// Asterisk dies with twenty calls and is back.
	o.rounds++
	numbers := o.place(0, twenty)
	eventually(t, "twenty calls", func() bool { return len(o.rows("&state=talking")) == twenty })
	died := time.Now()
	o.pbx.Restart()
	up := time.Now()
	eventually(t, "ringbook listens again", func() bool { return o.live() && o.status().PBX[0].Since.After(died) })
	if took := time.Since(up); took > 2*absence { // a busy machine takes its time
		t.Errorf("it took %v", took)
	}
	eventually(t, "no call goes on", func() bool { return len(o.rows("&state=talking")) == 0 })
	rows := o.rows("")
	for _, n := range numbers {
		if r := rows[n]; !r.Reconstructed || *r.Outcome != pbx.Answered || r.EndedBefore == nil || r.EndedBefore.After(up) || r.EndedAt.After(up) {
			t.Errorf("a call that ended with the PBX: %+v", r)
		}
	}
	o.gap(pbx.GapRestarted, died, up, time.Now())
	o.place(twenty, twenty+1) // to a phone that is not registered any more
	eventually(t, "calls are seen again", func() bool { return len(o.rows("&state=ended")) == o.whole })
}

// terminate tells the program to end, and waits until it has.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("it ended with: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}

// absence is how long after its start a PBX is found again, at the latest: a handshake that it left unanswered while it
// started, the longest pause, and the next handshake.
const absence = 12 * time.Second
