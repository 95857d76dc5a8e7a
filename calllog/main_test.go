package calllog

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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

func (desks) Loaded() bool { return true }

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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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
	limit := time.After(time.Minute)
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
