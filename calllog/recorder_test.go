package calllog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv("RINGBOOK_TEST_CHILD"); mode != "" {
		child(mode)
		return
	}
	dbtest.Main(m)
}

var (
	start = time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)
	neda  = crm.AgentRef{ID: uuid.MustParse("0193527f-0000-7000-8000-000000000001"), Name: "Neda", Extensions: []string{"1001"}}
	omid  = crm.AgentRef{ID: uuid.MustParse("0193527f-0000-7000-8000-000000000002"), Name: "Omid", Extensions: []string{"1002"}}
)

// desks is a directory of fixed extensions.
type desks map[string]crm.AgentRef

func (d desks) ByExtension(_, ext string) (crm.AgentRef, bool) { a, ok := d[ext]; return a, ok }
func (desks) Loaded() bool                                     { return true }

func normalise(_, _, raw string) crm.Number {
	return crm.ParseNumber(raw, crm.Rules{Region: "IR", Area: "21"})
}

func nobody(_ context.Context, q crm.Query) (crm.Match, error) {
	n := normalise("", "", q.Raw)
	if q.Withheld || n.Key() == "" {
		return crm.Match{Number: n, Rule: crm.RuleWithheld}, nil
	}
	return crm.Match{Number: n, Rule: crm.RuleNone}, nil
}

func config(t testing.TB, d *db.DB) RecorderConfig {
	return RecorderConfig{
		DB: d, Spool: t.TempDir(), Directory: desks{"1001": neda, "1002": omid},
		Match: nobody, Normalise: normalise, Learn: crm.NewStore(d, crm.Config{}).LearnQueues,
	}
}

// record runs a recorder until the test ends or stop is called.
func record(t testing.TB, c RecorderConfig) (r *Recorder, stop func()) {
	t.Helper()
	r, err := NewRecorder(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	return r, stop
}

func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func settle(t testing.TB, r *Recorder) {
	t.Helper()
	if err := r.Sync(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

// until waits for a state.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never came true: %s", what)
		}
	}
}

func callID(n int) uuid.UUID {
	ms := start.Add(time.Duration(n) * time.Second).UnixMilli()
	id := uuid.UUID{byte(ms >> 40), byte(ms >> 32), byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms), 0x70, 0, 0x80}
	id[14], id[15] = byte(n>>8), byte(n)
	return id
}

// ringing is the first picture of inbound call n: it rings at the extensions.
func ringing(n int, extensions ...string) pbx.Call {
	at := start.Add(time.Duration(n) * time.Second)
	c := pbx.Call{
		ID: callID(n), PBX: "main", Version: at.UnixMicro(), Direction: pbx.Inbound, State: pbx.StateRinging,
		Caller: pbx.Party{Number: fmt.Sprintf("0912%07d", n), Name: "Sara"}, Dialed: "02191001234", Trunk: "PJSIP/trunk",
		Queue: "support", StartedAt: at,
		Legs: []pbx.Leg{{ID: fmt.Sprintf("%d.0", n), Channel: "PJSIP/trunk-0", Role: pbx.RoleCustomer, Number: fmt.Sprintf("0912%07d", n), OfferedAt: at, AnsweredAt: at}},
	}
	for i, ext := range extensions {
		c.Legs = append(c.Legs, pbx.Leg{
			ID: fmt.Sprintf("%d.%d", n, i+1), Channel: "PJSIP/" + ext + "-1", Role: pbx.RoleAgent, Extension: ext,
			OfferedAt: at.Add(time.Second),
		})
	}
	return c
}

// beganAt moves a call to another time, which its id tells.
func beganAt(c pbx.Call, at time.Time) pbx.Call {
	id := idAt(at)
	copy(id[6:], c.ID[6:])
	c.ID, c.StartedAt = id, at
	return c
}

// next is a copy of a picture, made later by d.
func next(c pbx.Call, d time.Duration) pbx.Call {
	c.Version += d.Microseconds()
	c.Legs = append([]pbx.Leg{}, c.Legs...)
	c.Transfers = append([]pbx.Transfer{}, c.Transfers...)
	return c
}

func when(c pbx.Call) time.Time { return time.UnixMicro(c.Version).UTC() }

// answered is the picture after the first agent has answered; the others' legs end.
func answered(c pbx.Call) pbx.Call {
	c = next(c, 4*time.Second)
	c.State, c.AnsweredAt, c.Wait = pbx.StateTalking, when(c), 4*time.Second
	for i := range c.Legs {
		switch l := &c.Legs[i]; {
		case l.Role != pbx.RoleAgent:
		case i == 1:
			l.AnsweredAt = when(c)
			l.Spans = []pbx.Span{{Kind: pbx.SpanTalk, From: when(c)}}
		default:
			l.EndedAt, l.End = when(c), pbx.EndAnsweredElsewhere
		}
	}
	return c
}

// ended is the picture after a hang-up by the caller.
func ended(c pbx.Call) pbx.Call {
	c = next(c, 10*time.Second)
	c.State, c.EndedAt, c.Outcome = pbx.StateEnded, when(c), pbx.Missed
	c.Hangup = pbx.Hangup{By: pbx.ByCaller, Cause: 16, Text: "Normal Clearing"}
	if !c.AnsweredAt.IsZero() {
		c.Outcome, c.Talk = pbx.Answered, c.EndedAt.Sub(c.AnsweredAt)
	} else {
		c.Wait = c.EndedAt.Sub(c.StartedAt)
	}
	for i := range c.Legs {
		if l := &c.Legs[i]; l.EndedAt.IsZero() {
			l.EndedAt, l.End = when(c), pbx.EndHungUp
			if l.Role == pbx.RoleAgent && l.AnsweredAt.IsZero() {
				l.End = pbx.EndNoAnswer
			} else if l.Role == pbx.RoleAgent {
				l.Talk = l.EndedAt.Sub(l.AnsweredAt)
				span(l, "", when(c))
			}
		}
	}
	return c
}

// span ends the stretch of a leg that goes on, and begins another one if it is given a kind.
func span(l *pbx.Leg, kind pbx.SpanKind, at time.Time) {
	l.Spans = append([]pbx.Span{}, l.Spans...)
	if n := len(l.Spans); n > 0 && l.Spans[n-1].To.IsZero() {
		l.Spans[n-1].To = at
	}
	if kind != "" {
		l.Spans = append(l.Spans, pbx.Span{Kind: kind, From: at})
	}
}

// stored is all that the tables say about a call, as text that can be compared.
func stored(t testing.TB, d *db.DB, id uuid.UUID) string {
	t.Helper()
	var s string
	err := d.Pool().QueryRow(deadline(t), `
		SELECT jsonb_pretty(to_jsonb(c) || jsonb_build_object(
			'legs', (SELECT jsonb_agg(to_jsonb(l) - 'call_id' ORDER BY l.id) FROM call_leg l WHERE l.call_id = c.id),
			'agents', (SELECT jsonb_agg(to_jsonb(a) - 'call_id' ORDER BY a.agent_id) FROM call_agent a WHERE a.call_id = c.id)))
		FROM call c WHERE c.id = $1`, id).Scan(&s)
	if err != nil {
		t.Fatalf("read call %s: %v", id, err)
	}
	return s
}

func count(t testing.TB, d *db.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := d.Pool().QueryRow(deadline(t), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// power switches a database off and on: off, the server refuses it to everybody.
func power(t testing.TB, d *db.DB, on bool) {
	t.Helper()
	name := d.Pool().Config().ConnConfig.Database
	u, err := url.Parse(dbtest.URL(d))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/postgres"
	conn, err := pgx.Connect(deadline(t), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(deadline(t))
	if _, err := conn.Exec(deadline(t), fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS %t", name, on)); err != nil {
		t.Fatal(err)
	}
	if !on {
		if _, err := conn.Exec(deadline(t), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRecorder_L1_L2_RingAllIsOneRowWithALegForEach(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	c := ringing(1, "1001", "1002", "1003", "1004", "1005")
	for _, p := range []pbx.Call{c, answered(c), ended(answered(c))} {
		r.Update(p)
		settle(t, r)
	}
	if n := count(t, d, "SELECT count(*) FROM call"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	if n := count(t, d, "SELECT count(*) FROM call WHERE outcome = 'missed'"); n != 0 {
		t.Errorf("%d missed calls, want none", n)
	}
	if n := count(t, d, "SELECT count(*) FROM call_leg WHERE role = 'agent' AND ended_as = 'answered_elsewhere'"); n != 4 {
		t.Errorf("%d legs answered elsewhere, want 4", n)
	}
	if n := count(t, d, "SELECT count(*) FROM call_agent"); n != 2 {
		t.Errorf("%d agents, want the two whose extensions rang", n)
	}
}

func TestRecorder_L8_LatePicturesNeverUndo(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	ring := ringing(1, "1001")
	talk := answered(ring)
	end := ended(talk)
	r.Update(end)
	settle(t, r)
	want := stored(t, d, end.ID)

	late := ended(ring) // says "missed", later than the true end
	late.Version = end.Version + 1000
	again := next(talk, time.Hour) // "talking" once more, later
	for _, p := range []pbx.Call{ring, talk, again, end} {
		r.Update(p)
		settle(t, r)
	}
	if diff := cmp.Diff(want, stored(t, d, end.ID)); diff != "" {
		t.Errorf("an older or impossible picture changed the row:\n%s", diff)
	}
	r.Update(late)
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call WHERE outcome = 'answered' AND state = 'ended' AND answered_at IS NOT NULL"); n != 1 {
		t.Error("answered became something else")
	}
}

func TestRecorder_PartialErasesNothing(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	full := answered(ringing(1, "1001", "1002"))
	part := next(full, 20*time.Second)
	part.Partial, part.Queue, part.Caller, part.Direction = true, "", pbx.Party{}, pbx.Internal
	part.StartedAt, part.AnsweredAt = when(part), when(part)
	part.Legs = part.Legs[1:2]
	end := ended(part)
	for _, p := range []pbx.Call{full, part, end} {
		r.Update(p)
		settle(t, r)
	}
	var c struct {
		Direction, Queue, Number, State, Outcome string
		Started, Answered                        time.Time
		Partial                                  bool
		Legs                                     int
	}
	if err := d.Pool().QueryRow(deadline(t), `SELECT direction, queue, number, state, outcome, started_at, answered_at, partial,
		(SELECT count(*) FROM call_leg) FROM call`).Scan(&c.Direction, &c.Queue, &c.Number, &c.State, &c.Outcome,
		&c.Started, &c.Answered, &c.Partial, &c.Legs); err != nil {
		t.Fatal(err)
	}
	if c.Direction != "inbound" || c.Queue != "support" || c.Number == "" || c.State != "ended" || c.Outcome != "answered" ||
		!c.Started.Equal(full.StartedAt) || !c.Answered.Equal(full.AnsweredAt) || !c.Partial || c.Legs != 3 {
		t.Errorf("the partial pictures took something away: %+v", c)
	}
}

// Any order, repetition and loss of a beginning of a call's pictures gives the same row, in whatever batches.
func TestRecorder_AnyOrderGivesTheSameRow(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n += 2
		life := func(n int) []pbx.Call {
			c := ringing(n, "1001", "1002", "1003")
			pictures := []pbx.Call{c}
			if rapid.Bool().Draw(rt, "answered") {
				c = answered(c)
				pictures = append(pictures, c)
				for range rapid.IntRange(0, 2).Draw(rt, "holds") {
					c = next(c, time.Second)
					c.State, c.Hold = pbx.StateHeld, c.Hold+time.Second
					span(&c.Legs[1], pbx.SpanHold, when(c))
					pictures = append(pictures, c)
				}
				if rapid.Bool().Draw(rt, "transferred") {
					c = next(c, time.Second)
					c.Transfers = append(c.Transfers, pbx.Transfer{Kind: pbx.Blind, At: when(c), By: "1001", To: "1004"})
					c.Legs[1].EndedAt, c.Legs[1].End = when(c), pbx.EndTransferred
					c.Legs[1].Talk = when(c).Sub(c.AnsweredAt)
					span(&c.Legs[1], "", when(c))
					c.Legs = append(c.Legs, pbx.Leg{ID: "x", Role: pbx.RoleAgent, Extension: "1004", OfferedAt: when(c), AnsweredAt: when(c), Parent: c.Legs[1].ID})
					pictures = append(pictures, c)
				}
			}
			return append(pictures, ended(c))
		}
		pictures := life(n)
		last := len(pictures) - 1
		restarted := false
		if joined := rapid.IntRange(1, last+1).Draw(rt, "joined again"); joined <= last {
			// After a restart in the middle: what it says less, it must not erase. Each of the two processes has
			// its own recorder, so that the pictures meet in the database only.
			restarted, last = true, 0 // the first picture is the one that knows
			for i := joined; i < len(pictures); i++ {
				pictures[i].Partial, pictures[i].Queue, pictures[i].Caller.Name = true, "", ""
				pictures[i].Legs = append([]pbx.Leg{}, pictures[i].Legs...)
				for j := range pictures[i].Legs {
					// It does not know the talk of before.
					l := &pictures[i].Legs[j]
					l.Talk /= 2
					if n := len(l.Spans); n > 0 {
						l.Spans = l.Spans[n-1:]
					}
				}
			}
		}
		for _, p := range pictures {
			r.Update(p)
			if restarted {
				settle(t, r)
			}
		}
		settle(t, r)
		want := stored(t, d, pictures[0].ID)

		if _, err := d.Pool().Exec(deadline(t), "DELETE FROM call WHERE id = $1", pictures[0].ID); err != nil {
			rt.Fatal(err)
		}
		from := rapid.IntRange(0, last).Draw(rt, "lost")
		kept := pictures[from:]
		order := rapid.Permutation(append(append([]pbx.Call{}, kept...), kept[:rapid.IntRange(0, len(kept)).Draw(rt, "doubled")]...)).Draw(rt, "order")
		for _, p := range order {
			r.Update(p)
			if restarted || rapid.Bool().Draw(rt, "batch ends") {
				settle(t, r)
			}
		}
		settle(t, r)
		if diff := cmp.Diff(want, stored(t, d, pictures[0].ID)); diff != "" {
			rt.Fatalf("the row depends on the order:\n%s", diff)
		}
	})
}

func TestRecorder_L10_DatabaseAwayDuringCalls(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	before := ringing(1, "1001")
	r.Update(before)
	settle(t, r)
	power(t, d, false)
	out := ringing(2, "1002")
	out.Direction, out.Caller, out.Dialed, out.Queue = pbx.Outbound, pbx.Party{Number: "1002"}, "09121234567", ""
	r.Update(answered(before))
	r.Update(out)
	until(t, "the recorder knows that the database is away", func() bool { return r.Backlog().Away })
	r.Update(ended(answered(before)))
	r.Update(ended(answered(out)))
	until(t, "ended calls are on disk and no longer in memory", func() bool {
		b := r.Backlog()
		return b.SpoolBytes > 0 && b.Pending == 0
	})
	power(t, d, true)
	settle(t, r)
	if n := count(t, d, `SELECT count(*) FROM call WHERE state = 'ended' AND outcome = 'answered'`); n != 2 {
		t.Errorf("%d ended calls, want 2", n)
	}
	if n := count(t, d, `SELECT count(*) FROM call WHERE id = $1 AND direction = 'outbound' AND number = '+989121234567'`, out.ID); n != 1 {
		t.Error("the outbound call has the wrong direction or number")
	}
	until(t, "the spool is empty again", func() bool { return r.Backlog().SpoolBytes == 0 })
}

func TestRecorder_SurvivesRestartWhileDatabaseIsAway(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	power(t, d, false)
	r, stop := record(t, c)
	for n := range 30 {
		call := ringing(n, "1001")
		r.Update(call)
		if n%3 > 0 {
			r.Update(ended(answered(call)))
		}
	}
	stop()
	power(t, d, true)
	r, _ = record(t, c)
	settle(t, r)
	if n := count(t, d, `SELECT count(*) FROM call WHERE state = 'ended'`); n != 20 {
		t.Errorf("%d ended calls, want 20", n)
	}
	if n := count(t, d, `SELECT count(*) FROM call WHERE state = 'ringing'`); n != 10 {
		t.Errorf("%d live calls, want 10", n)
	}
}

// Whatever a PBX says about its caller, the call is in the log.
// laterDesks is a directory that knows nobody until it is loaded.
type laterDesks struct {
	desks
	loaded atomic.Bool
}

func (d *laterDesks) Loaded() bool { return d.loaded.Load() }

func (d *laterDesks) ByExtension(pbx, ext string) (crm.AgentRef, bool) {
	if !d.Loaded() {
		return crm.AgentRef{}, false
	}
	return d.desks.ByExtension(pbx, ext)
}

// Calls that ended before the agents were known wait for them, on disk and through a restart, and are written with them.
func TestRecorder_CallsBeforeTheDirectory(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	later := &laterDesks{desks: desks{"1001": neda}}
	c.Directory = later
	agents := func(n int) int {
		return count(t, d, `SELECT count(*) FROM call_leg l JOIN call_agent a USING (call_id, agent_id) WHERE call_id = $1 AND agent_id = $2`, callID(n), neda.ID)
	}

	r, stop := record(t, c)
	r.Update(ended(answered(ringing(1, "1001"))))
	until(t, "the call is left to the spool", func() bool { b := r.Backlog(); return b.Pending == 0 && b.SpoolBytes > 0 })
	stop()
	r, _ = record(t, c)
	r.Update(ended(answered(ringing(2, "1001"))))
	r.Update(answered(ringing(3, "1001")))
	until(t, "the recorder waits", func() bool { return r.Backlog().Away })
	if n := count(t, d, `SELECT count(*) FROM call`); n != 0 {
		t.Errorf("%d calls were written without their agents", n)
	}
	later.loaded.Store(true)
	settle(t, r)
	for n := 1; n <= 3; n++ {
		if agents(n) != 1 {
			t.Errorf("call %d is not Neda's", n)
		}
	}
}

func TestRecorder_M13_M14_NoCallVanishes(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	parties := []pbx.Party{
		{},
		{Withheld: true},
		{Number: "anonymous"},
		{Number: "unavailable"},
		{Number: "+989121234567"},
		{Number: "Restricted", Withheld: true},
		{Number: strings.Repeat("9", 40)},
		{Number: "sip:alice@example.com"},
		{Number: "\x00\xff\xfe", Name: "a\x00b\xff"},
		{Number: "+", Name: strings.Repeat("ش", 3<<20)},
		{Number: "IR-BANK"},
		{Number: "؀۰۹۱۲"},
		{Number: "'; DROP TABLE call; --"},
	}
	for i, party := range parties {
		c := ringing(i, "1001")
		c.Caller, c.Queue, c.Dialed = party, party.Name, party.Number
		c.Hangup.Text = party.Name
		c.Legs[1].Channel = party.Name
		r.Update(ended(c))
	}
	odd := ended(ringing(100, "1001"))
	odd.StartedAt, odd.Legs[0].OfferedAt = time.Time{}, time.Date(292277, 1, 1, 0, 0, 0, 0, time.UTC)
	r.Update(odd)
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call"); n != len(parties)+1 {
		t.Errorf("%d rows, want %d", n, len(parties)+1)
	}
	if n := count(t, d, "SELECT count(*) FROM customer"); n != 0 {
		t.Errorf("%d customers were created", n)
	}
	if n := count(t, d, "SELECT count(*) FROM call WHERE id = $1 AND started_at = $2", odd.ID, start.Add(100*time.Second)); n != 1 {
		t.Error("a call without a start has not the time of its id")
	}
}

func TestRecorder_OnePoisonedCallBlocksNoOther(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	if _, err := d.Pool().Exec(deadline(t), "ALTER TABLE call ADD CHECK (queue <> 'poison')"); err != nil {
		t.Fatal(err)
	}
	r, _ := record(t, c)
	for n := range 10 {
		call := ended(ringing(n, "1001"))
		if n == 4 {
			call.Queue = "poison"
		}
		r.Update(call)
	}
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call"); n != 9 {
		t.Errorf("%d rows, want 9", n)
	}
	line, err := os.ReadFile(filepath.Join(c.Spool, "quarantine.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Error string
		picture
	}
	if err := json.Unmarshal(line, &kept); err != nil || kept.Call.ID != callID(4) || kept.Error == "" {
		t.Errorf("quarantine holds %s (%v)", line, err)
	}
}

func TestRecorder_LookUpThatFailedIsRepaired(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	broken := true
	c.Match = func(ctx context.Context, q crm.Query) (crm.Match, error) {
		if broken {
			return crm.Match{}, errors.New("no rules")
		}
		return nobody(ctx, q)
	}
	r, stop := record(t, c)
	r.Update(ended(ringing(1, "1001")))
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call WHERE match_rule = ''"); n != 1 {
		t.Fatal("the call was not written without its match")
	}
	stop()
	broken = false
	if err := r.rematch(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, d, "SELECT count(*) FROM call WHERE match_rule = 'none'"); n != 1 {
		t.Error("the match was not repaired")
	}
}

func TestRecorder_FullSpoolKeepsTheOldest(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	c.SpoolMax = 20 << 10
	power(t, d, false)
	r, _ := record(t, c)
	for n := range 100 {
		r.Update(ended(ringing(n, "1001", "1002")))
		if n%10 == 0 {
			until(t, "room or alarm", func() bool { b := r.Backlog(); return b.SpoolFull || b.SpoolBytes > 0 })
		}
	}
	until(t, "alarm", func() bool { return r.Backlog().SpoolFull })
	if b := r.Backlog(); b.SpoolBytes > c.SpoolMax {
		t.Errorf("spool has %d bytes, allowed are %d", b.SpoolBytes, c.SpoolMax)
	}
	power(t, d, true)
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call"); n != 100 {
		t.Errorf("%d rows, want 100: the rest was still in memory", n)
	}
}

func TestNewRecorder_RefusesAFolderInUse(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	record(t, c)
	if _, err := NewRecorder(c); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second recorder: %v", err)
	}
}

// Contract: kill -9 during 20 live calls with PostgreSQL stopped, then both back: every call that had ended is there.
func TestRecorder_KilledWhileDatabaseIsAway(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	cmd, in, out := spawn(t, "recorder", c.Spool, dbtest.URL(d))
	expect(t, out, "open")
	power(t, d, false)
	fmt.Fprintln(in, "go")
	expect(t, out, "kept")
	kill(t, cmd)
	power(t, d, true)
	r, _ := record(t, c)
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call WHERE state = 'ended'"); n != 40 {
		t.Errorf("%d ended calls are in the log, want 40", n)
	}
}

// child is what a re-executed test binary does until it is killed.
func child(mode string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	switch mode {
	case "recorder":
		d, err := db.Open(context.Background(), db.Config{URL: os.Getenv("RINGBOOK_TEST_URL")})
		fail(err)
		r, err := NewRecorder(RecorderConfig{
			DB: d, Spool: os.Getenv("RINGBOOK_TEST_SPOOL"), Directory: desks{"1001": neda}, Match: nobody, Normalise: normalise,
		})
		fail(err)
		go func() { fail(r.Run(context.Background())) }()
		fmt.Println("open")
		_, err = bufio.NewReader(os.Stdin).ReadString('\n')
		fail(err)
		for n := range 60 { // 20 of them go on
			c := ringing(n, "1001")
			r.Update(c)
			if n%3 > 0 {
				r.Update(ended(answered(c)))
			}
		}
		for {
			r.mu.Lock()
			waiting := len(r.ended)
			for _, e := range r.pending {
				if e.call.State == pbx.StateEnded && e.spooled != e.call.Version {
					waiting++
				}
			}
			r.mu.Unlock()
			if waiting == 0 {
				break
			}
		}
		fmt.Println("kept")
		select {}
	case "spool":
		s, _, err := openSpool(os.Getenv("RINGBOOK_TEST_SPOOL"), 1<<30)
		fail(err)
		for n := 0; ; n++ {
			_, err := s.append([]picture{{Call: ended(ringing(n, "1001"))}})
			fail(err)
			fmt.Println(n) // acknowledged
		}
	}
}

func spawn(t *testing.T, mode, spool, url string) (*exec.Cmd, io.WriteCloser, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RINGBOOK_TEST_CHILD="+mode, "RINGBOOK_TEST_SPOOL="+spool, "RINGBOOK_TEST_URL="+url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, in, bufio.NewScanner(out)
}

func expect(t *testing.T, out *bufio.Scanner, want string) {
	t.Helper()
	if !out.Scan() || out.Text() != want {
		t.Fatalf("child says %q, want %q (%v)", out.Text(), want, out.Err())
	}
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says only that it was killed
}

// A database that hangs, which is worse than one that is gone: what has ended is on disk all the same.
func TestRecorder_DatabaseHangs(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	tx, err := d.Pool().Begin(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(deadline(t), "LOCK TABLE call IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	r.Update(ringing(1, "1001"))
	until(t, "a write hangs", func() bool {
		return count(t, d, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") > 0
	})
	for n := range 20 {
		r.Update(ended(answered(ringing(n, "1001"))))
	}
	until(t, "what ended is on disk", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range r.pending {
			if e.call.State == pbx.StateEnded && e.spooled != e.call.Version {
				return false
			}
		}
		return len(r.pending) >= 20
	})
	if err := tx.Rollback(deadline(t)); err != nil {
		t.Fatal(err)
	}
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call WHERE state = 'ended'"); n != 20 {
		t.Errorf("%d ended calls, want 20", n)
	}
}
