package calllog

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
)

// hand is a lease on "main" that a test gives to nodes as it likes, in the table by which writes are fenced.
type hand struct {
	d *db.DB

	mu     sync.Mutex
	epoch  int64  // guarded by mu
	holder string // guarded by mu
}

// held is a node's end of it. frozen: it believes what it believed then, as a process that was stopped does.
type held struct {
	*hand
	node string

	frozen   bool // guarded by hand.mu
	believes int64
	doubted  int
}

func newHand(t *testing.T, d *db.DB) *hand {
	t.Helper()
	if _, err := d.Pool().Exec(t.Context(), `INSERT INTO lease VALUES ('main', '', '', 0, now(), now(), '', now())`); err != nil {
		t.Fatal(err)
	}
	return &hand{d: d}
}

func (h *hand) give(t *testing.T, node string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.d.Pool().QueryRow(t.Context(), `UPDATE lease SET epoch = epoch + 1, node = $1 RETURNING epoch`, node).Scan(&h.epoch); err != nil {
		t.Fatal(err)
	}
	h.holder = node
}

func (n *held) Epoch(string) (int64, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.frozen {
		return n.believes, true
	}
	return n.epoch, n.holder == n.node
}

// Doubt makes a frozen node look.
func (n *held) Doubt() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.frozen = false
	n.doubted++
}

func (n *held) freeze() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.frozen, n.believes = true, n.epoch
}

func (n *held) doubts() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.doubted
}

// standing runs a recorder as one of two.
func standing(t *testing.T, d *db.DB, h *hand, name string) (r *Recorder, n *held, stop func()) {
	t.Helper()
	n = &held{hand: h, node: name}
	c := config(t, d)
	c.Lease = n
	r, stop = record(t, c)
	return r, n, stop
}

// TestStandby_A5_KeepsUntilTheLeaderHasWritten: the standby writes nothing while the leader does, forgets what the leader has
// written, and writes all the rest when it takes over, once.
func TestStandby_A5_KeepsUntilTheLeaderHasWritten(t *testing.T) {
	d := dbtest.New(t)
	h := newHand(t, d)
	h.give(t, "a")
	a, _, stopA := standing(t, d, h, "a")
	b, _, _ := standing(t, d, h, "b")
	for n := range 10 {
		call := ended(answered(ringing(n, "1001")))
		b.Update(ringing(n, "1001"))
		b.Update(call)
		if n < 6 {
			a.Update(call)
		}
	}
	b.Update(ringing(10, "1001"))
	settle(t, a)
	until(t, "the standby keeps what the leader has not written", func() bool { return b.Backlog().Held == 5 })
	if n := count(t, d, `SELECT count(*) FROM call WHERE true`); n != 6 {
		t.Errorf("the log has %d calls, want the 6 that the leader saw", n)
	}
	stopA()
	h.give(t, "b")
	b.Lead()
	settle(t, b)
	if n := count(t, d, `SELECT count(*) FROM call WHERE state = 'ended'`); n != 10 {
		t.Errorf("the log has %d ended calls, want 10", n)
	}
	if n := count(t, d, `SELECT count(*) FROM call WHERE state = 'ringing'`); n != 1 {
		t.Errorf("the log has %d ringing calls, want 1", n)
	}
	if got := b.Backlog(); got.Held != 0 || got.Pending != 0 {
		t.Errorf("the new leader keeps %+v", got)
	}
}

// TestStandby_A5_LateWriteIsRefused: what a leader writes that does not know yet that another has taken over is refused; it
// learns so, and then stands by: what the other has written it forgets, and what only it has seen gets into the log still.
func TestStandby_A5_LateWriteIsRefused(t *testing.T) {
	d := dbtest.New(t)
	h := newHand(t, d)
	h.give(t, "a")
	a, na, _ := standing(t, d, h, "a")
	b, _, _ := standing(t, d, h, "b")
	a.Update(ringing(1, "1001"))
	settle(t, a)

	na.freeze()
	h.give(t, "b")
	b.Lead()
	whole := ended(answered(ringing(1, "1001")))
	b.Update(whole)
	settle(t, b)
	var before time.Time
	if err := d.Pool().QueryRow(t.Context(), `SELECT ended_at FROM call`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	wrong := whole // as a process sees it whose clock and stream have stood still
	wrong.EndedAt, wrong.Version = wrong.EndedAt.Add(time.Hour), wrong.Version+3_600_000_000
	a.Update(wrong)
	until(t, "the late write is refused", func() bool { return na.doubts() > 0 })
	var after time.Time
	if err := d.Pool().QueryRow(t.Context(), `SELECT ended_at FROM call`).Scan(&after); err != nil {
		t.Fatal(err)
	}
	if !after.Equal(before) {
		t.Errorf("the late write has changed the end from %v to %v", before, after)
	}
	if n := count(t, d, `SELECT count(*) FROM call WHERE true`); n != 1 {
		t.Errorf("the log has %d calls, want 1", n)
	}
}

// TestStandby_L10_WritesWhatTheLeaderDidNotSee: a call whose end only the standby saw, because the leader's stream was cut,
// is written by the standby when the leader had its time; a leader's guess gives way to what was seen.
func TestStandby_L10_WritesWhatTheLeaderDidNotSee(t *testing.T) {
	d := dbtest.New(t)
	h := newHand(t, d)
	h.give(t, "a")
	a, _, _ := standing(t, d, h, "a")
	b, _, _ := standing(t, d, h, "b")
	guess := ended(answered(ringing(1, "1001")))
	guess.Reconstructed, guess.Version = true, guess.Version+1_000_000
	a.Update(guess)
	settle(t, a)
	b.Update(ended(answered(ringing(1, "1001"))))
	b.Update(ended(answered(ringing(2, "1001"))))
	until(t, "both are kept", func() bool { return b.Backlog().Held == 2 })
	b.age(2 * leaderTime)
	settle(t, b)
	if n := count(t, d, `SELECT count(*) FROM call WHERE state = 'ended' AND NOT reconstructed`); n != 2 {
		t.Errorf("the log has %d calls whose end was seen, want 2", n)
	}
}

// TestStandby_L10_SpoolOfAFormerLeader: what a leader had on disk only when it was killed, and finds another in the lead
// when it is back, is in the log once, whether the other has seen it or not.
func TestStandby_L10_SpoolOfAFormerLeader(t *testing.T) {
	d := dbtest.New(t)
	h := newHand(t, d)
	h.give(t, "a")
	b, _, _ := standing(t, d, h, "b")
	c := config(t, d)
	c.Lease = &held{hand: h, node: "b"} // writes nothing: it stands by
	a, stopA := record(t, c)
	for n := range 5 {
		a.Update(ended(answered(ringing(n, "1001"))))
	}
	stopA()
	h.give(t, "b")
	b.Lead()
	for n := range 3 {
		b.Update(ended(answered(ringing(n, "1001"))))
	}
	settle(t, b)
	if n := count(t, d, `SELECT count(*) FROM call WHERE true`); n != 3 {
		t.Fatalf("the log has %d calls, want the 3 that the leader saw", n)
	}
	c.Lease = &held{hand: h, node: "a"}
	again, err := NewRecorder(c)
	if err != nil {
		t.Fatal(err)
	}
	again.since = again.since.Add(-2 * leaderTime)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- again.Run(ctx) }()
	defer func() { cancel(); <-done }()
	settle(t, again)
	if n := count(t, d, `SELECT count(*) FROM call WHERE state = 'ended'`); n != 5 {
		t.Errorf("the log has %d calls, want 5", n)
	}
	until(t, "the spool is empty", func() bool { return again.Backlog().SpoolBytes == 0 })
}

// TestStandby_MemoryIsBounded: what another node does not write is left to the disk, however long that takes.
func TestStandby_MemoryIsBounded(t *testing.T) {
	d := dbtest.New(t)
	h := newHand(t, d)
	h.give(t, "nobody")
	b, _, _ := standing(t, d, h, "b")
	const calls = heldMost + 500
	for n := range calls {
		b.Update(ended(answered(ringing(n, "1001"))))
	}
	until(t, "the rest is on disk", func() bool { return b.Backlog().Pending <= heldMost && b.Backlog().SpoolBytes > 0 })
	h.give(t, "b")
	b.Lead()
	settle(t, b)
	if n := count(t, d, `SELECT count(*) FROM call WHERE state = 'ended'`); n != calls {
		t.Errorf("the log has %d calls, want %d", n, calls)
	}
}

// age makes what the recorder keeps older.
func (r *Recorder) age(by time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.pending {
		e.ended = e.ended.Add(-by)
	}
}

func TestTellsAll(t *testing.T) {
	live := func(version int64) pbx.Call { return pbx.Call{State: pbx.StateTalking, Version: version} }
	end := func(version int64, reconstructed, partial bool) pbx.Call {
		return pbx.Call{State: pbx.StateEnded, Version: version, Reconstructed: reconstructed, Partial: partial}
	}
	for i, c := range []struct {
		row, picture pbx.Call
		want         bool
	}{
		{live(5000), live(5000), true},
		{live(5000), live(5999), true}, // counted on within the millisecond
		{live(5000), live(6000), false},
		{live(9000), end(5000, false, false), false},
		{end(5000, true, true), live(9000), true},
		{end(5000, false, false), end(5000, false, false), true},
		{end(5000, false, false), end(6000, false, false), false},
		{end(5000, false, false), end(9000, true, false), true},
		{end(9000, true, false), end(5000, false, false), false},
		{end(9000, false, true), end(5000, false, false), false},
		{end(5000, false, false), end(9000, false, true), true},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if got := tellsAll(&c.row, &c.picture); got != c.want {
				t.Errorf("tellsAll(%+v, %+v) = %v", c.row, c.picture, got)
			}
		})
	}
}
