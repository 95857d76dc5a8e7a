package calllog

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
)

// inQueue is a call that waited in a queue and reached nobody.
func inQueue(n int, exchange, queue string) pbx.Call {
	c := ringing(n)
	c.PBX, c.Queue, c.State = exchange, queue, pbx.StateQueued
	return ended(c)
}

// A queue's id is the same in Go and in the database, so that every node finds its calls; the same name on another exchange
// is another queue.
func TestQueueCalls_SameNameOnTwoExchanges(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	names := []string{"support", "SUPPORT", "فروش", "Verkäufe", "q/1", strings.Repeat("x", 100)}
	for i, name := range names {
		r.Update(inQueue(i+1, "main", name))
	}
	r.Update(inQueue(20, "branch", "support"))
	joined := inQueue(21, "branch", "support")
	joined.QueuePBX = "main"
	r.Update(joined)
	settle(t, r)
	for _, c := range list(t, s, admin, Filter{}).Items {
		exchange := c.PBX
		if c.ID == joined.ID {
			exchange = "main"
		}
		if want := crm.QueueID(exchange, *c.Queue); c.QueueID == nil || *c.QueueID != want || *c.QueueLabel != *c.Queue {
			t.Errorf("%s %s: id %v, want %v", exchange, *c.Queue, c.QueueID, want)
		}
	}
	for _, c := range []struct {
		queue string
		want  []int
	}{
		{crm.QueueID("main", "support").String(), []int{21, 2, 1}},
		{crm.QueueID("branch", "support").String(), []int{20}},
		{"Support", []int{21, 20, 2, 1}},
		{"فروش", []int{3}},
		{"no such", nil},
		{uuid.NewString(), nil},
		{strings.Repeat("x", 1000), nil},
	} {
		if got := ids(list(t, s, admin, Filter{Queue: c.queue})); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.queue, got, c.want)
		}
	}
	if err := s.crm.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if q := s.crm.Directory().Queue("main", "support"); q == nil || len(q.Learned.Numbers) != 1 {
		t.Errorf("learned %+v", q)
	}
	if all := s.crm.Directory().Queues(); len(all) != len(names) { // two of them are one, and one is on the other exchange
		t.Errorf("%d queues: %+v", len(all), all)
	}
}

// What was dialled leads to the queue only if nobody transferred the call there, and it was seen from the start.
func TestQueueCalls_WhichNumbersLead(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	direct, internal, transferred, outbound, partial := inQueue(1, "main", "a"), inQueue(2, "main", "a"), inQueue(3, "main", "a"), inQueue(4, "main", "a"), inQueue(5, "main", "a")
	direct.Dialed = "02191001111"
	internal.Direction, internal.Dialed = pbx.Internal, "600"
	transferred.Dialed, transferred.Transfers = "02191002222", []pbx.Transfer{{Kind: pbx.Blind, At: transferred.StartedAt, By: "1001", To: "a"}}
	outbound.Direction, outbound.Dialed = pbx.Outbound, "09121112233"
	partial.Dialed, partial.Partial = "02191003333", true
	recalled := inQueue(6, "main", "a")
	recalled.Dialed, recalled.Reconstructed = "02191004444", true
	for _, c := range []pbx.Call{direct, internal, transferred, outbound, partial, recalled} {
		r.Update(c)
	}
	settle(t, r)
	want := []string{"+982191001111", "600"}
	learned := func() []string {
		t.Helper()
		q, err := s.crm.Queue(deadline(t), crm.System, crm.QueueID("main", "a"))
		if err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(slices.Values(q.Numbers))
	}
	if got := learned(); !slices.Equal(got, want) {
		t.Errorf("numbers %v, want %v", got, want)
	}

	// The migration learns the same of the calls that were there before.
	if _, err := d.Pool().Exec(deadline(t), "DELETE FROM queue"); err != nil {
		t.Fatal(err)
	}
	migration, err := fs.ReadFile(db.Migrations(), "0023_queues.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, sql, _ := strings.Cut(string(migration), "WITH RECURSIVE")
	if _, err := d.Pool().Exec(deadline(t), "WITH RECURSIVE"+sql); err != nil {
		t.Fatal(err)
	}
	if got := learned(); !slices.Equal(got, want) {
		t.Errorf("after the migration: numbers %v, want %v", got, want)
	}
}

// A supervisor reads, and writes about, the calls of the team's queues, whether they reached an agent or not; nobody else does.
func TestQueueCalls_S3_TeamScope(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	missed, other, nobodys := inQueue(1, "main", "support"), inQueue(2, "main", "sales"), inQueue(4, "branch", "support")
	both := ended(answered(ringing(3, "1001")))
	both.Queue = "support" // of the team's agent in the team's queue: once
	for _, c := range []pbx.Call{missed, other, both, nobodys} {
		r.Update(c)
	}
	settle(t, r)
	if got := ids(list(t, s, leader, Filter{})); !slices.Equal(got, []int{3}) {
		t.Errorf("before the queue is the team's: %v", got)
	}
	if _, err := s.Call(deadline(t), leader, missed.ID); !errors.Is(err, crm.ErrNotFound) {
		t.Errorf("before the queue is the team's: %v", err)
	}
	if _, err := s.crm.UpdateQueue(deadline(t), crm.System, crm.QueueID("main", "support"), crm.QueuePatch{TeamID: &team}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		actor crm.Actor
		f     Filter
		want  []int
	}{
		{"leader", leader, Filter{}, []int{3, 1}},
		{"leader, the queue", leader, Filter{Queue: "support"}, []int{3, 1}},
		{"leader, the queue's id", leader, Filter{Queue: crm.QueueID("main", "support").String()}, []int{3, 1}},
		{"leader, another queue", leader, Filter{Queue: "sales"}, nil},
		{"leader, missed", leader, Filter{Outcome: pbx.Missed}, []int{1}},
		{"leader, an agent's", leader, Filter{Agent: neda.ID}, []int{3}},
		{"leader, from", leader, Filter{From: both.StartedAt}, []int{3}},
		{"leader, words", leader, Filter{Q: "0912 0000 001"}, []int{1}},
		{"agent", agentNeda, Filter{}, []int{3}},
		{"other agent", agentOmid, Filter{}, nil},
		{"no team", crm.Actor{AgentID: uuid.New(), Role: crm.RoleSupervisor}, Filter{}, nil},
		{"admin", admin, Filter{}, []int{4, 3, 2, 1}},
	} {
		if got := ids(list(t, s, c.actor, c.f)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	page := list(t, s, leader, Filter{Limit: 1})
	if page.Next == nil {
		t.Fatal("no second page")
	}
	if got := ids(list(t, s, leader, Filter{Limit: 1, Cursor: *page.Next})); !slices.Equal(got, []int{1}) {
		t.Errorf("second page: %v", got)
	}
	if _, err := s.Call(deadline(t), leader, missed.ID); err != nil {
		t.Error(err)
	}
	note := "called back"
	if _, err := s.Annotate(deadline(t), leader, missed.ID, Patch{Note: &note}, false); err != nil {
		t.Error(err)
	}
	for _, a := range []crm.Actor{agentNeda, agentOmid} {
		if _, err := s.Call(deadline(t), a, missed.ID); !errors.Is(err, crm.ErrNotFound) {
			t.Errorf("%s reads it: %v", a.Username, err)
		}
		if _, err := s.Annotate(deadline(t), a, missed.ID, Patch{Note: &note}, false); !errors.Is(err, crm.ErrNotFound) {
			t.Errorf("%s writes about it: %v", a.Username, err)
		}
	}
	if _, err := s.Call(deadline(t), leader, other.ID); !errors.Is(err, crm.ErrNotFound) {
		t.Errorf("of no team: %v", err)
	}
	if e, err := s.Estimate(deadline(t), leader, Filter{Queue: "support"}); err != nil || e.Rows != 2 {
		t.Errorf("estimate %+v, %v", e, err)
	}
}

// What is learned is written with the calls: a call whose writing fails leaves nothing, and a store that knows the queue is
// asked for nothing.
func TestQueueCalls_LearnedWithTheCalls(t *testing.T) {
	d, s := callCentre(t)
	c := config(t, d)
	c.Learn = s.crm.LearnQueues
	r, _ := record(t, c)
	r.Update(inQueue(1, "main", "support"))
	settle(t, r)
	if err := s.crm.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	var before, after time.Time
	if err := d.Pool().QueryRow(deadline(t), "SELECT learned_at FROM queue").Scan(&before); err != nil {
		t.Fatal(err)
	}
	var version, later string
	if err := d.Pool().QueryRow(deadline(t), "SELECT xmin::text FROM queue").Scan(&version); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		r.Update(inQueue(n+2, "main", "support"))
	}
	settle(t, r)
	if err := d.Pool().QueryRow(deadline(t), "SELECT learned_at, xmin::text FROM queue").Scan(&after, &later); err != nil {
		t.Fatal(err)
	}
	if !after.Equal(before) || later != version {
		t.Error("twenty calls more, and the queue was written again")
	}
}
