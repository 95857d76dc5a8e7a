package calllog

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/db"
	"ringbook/pbx"
)

// promised is a follow-up that a test puts into the table: a callback of Neda's, due, unless its fields say otherwise.
type promised struct {
	kind, state, number     string
	assignee, team, claimed uuid.UUID
	anyone                  bool
	customer, call, attempt uuid.UUID
	due, until, made        time.Time
}

func promise(t testing.TB, d *db.DB, p promised) uuid.UUID {
	t.Helper()
	id := uuid.New()
	if p.kind == "" {
		p.kind = "callback"
	}
	if p.state == "" {
		p.state = "due"
	}
	if p.assignee == uuid.Nil && p.team == uuid.Nil && !p.anyone {
		p.assignee = neda.ID
	}
	if p.due.IsZero() {
		p.due = start
	}
	if p.made.IsZero() {
		p.made = start.Add(-time.Hour)
	}
	if _, err := d.Pool().Exec(deadline(t), `
		INSERT INTO follow_up (id, kind, title, state, assignee_id, team_id, number, number_raw, due_at, until, customer_id, call_id, attempt_id, claimed_by,
			claimed_at, search, created_at, updated_at, tries)
		VALUES ($1, $2, 'call back', $3, $4, $5, $6, $6, $7, $8, $9, $10, $11, $12, CASE WHEN $12::uuid IS NOT NULL THEN $13::timestamptz END, '', $13, $13,
			CASE WHEN $11::uuid IS NOT NULL THEN 1 ELSE 0 END)`,
		id, p.kind, p.state, idOrNil(p.assignee), idOrNil(p.team), p.number, p.due, at(p.until), idOrNil(p.customer), idOrNil(p.call),
		idOrNil(p.attempt), idOrNil(p.claimed), p.made); err != nil {
		t.Fatal(err)
	}
	return id
}

// stance is where a follow-up stands, how often it was changed, and the last change.
type stance struct {
	State   FollowUpState
	Due     time.Time
	Offered bool
	Tries   int
	Changes int
	What    string
	Owner   uuid.UUID
	Call    *uuid.UUID
}

func stands(t testing.TB, d *db.DB, id uuid.UUID) (s stance) {
	t.Helper()
	if err := d.Pool().QueryRow(deadline(t), `
		SELECT state, due_at, offered_at IS NOT NULL, tries, owner, last_call_id, (SELECT count(*) FROM follow_up_change WHERE follow_up_id = f.id),
			coalesce((SELECT what FROM follow_up_change WHERE follow_up_id = f.id ORDER BY id DESC LIMIT 1), '')
		FROM follow_up f WHERE id = $1`, id).Scan(&s.State, &s.Due, &s.Offered, &s.Tries, &s.Owner, &s.Call, &s.Changes, &s.What); err != nil {
		t.Fatal(err)
	}
	return s
}

func look(t testing.TB, d *db.DB, now time.Time) {
	t.Helper()
	if err := NewReminders(d, hours(t, "8-20"), nil).Look(deadline(t), now); err != nil {
		t.Fatal(err)
	}
}

// A clock that jumps, nodes that look together, and one that was down over the due time: each is offered once.
func TestReminders_OfferEachOnce(t *testing.T) {
	t.Parallel()
	d, _ := callCentre(t)
	const many = 2*offerBatch + 100
	if _, err := d.Pool().Exec(deadline(t), `
		INSERT INTO follow_up (id, kind, title, state, assignee_id, due_at, search)
		SELECT gen_random_uuid(), 'task', 'task', 'due', $1, $2::timestamptz + n * interval '1 second', '' FROM generate_series(1, $3) n`,
		neda.ID, start, many); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `CREATE TABLE offers (id uuid, at timestamptz)`); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `
		CREATE FUNCTION offered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO offers VALUES (NEW.id, NEW.offered_at); RETURN NEW; END $$`); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `CREATE TRIGGER offered AFTER UPDATE OF offered_at ON follow_up FOR EACH ROW EXECUTE FUNCTION offered()`); err != nil {
		t.Fatal(err)
	}
	offered := func() int { return count(t, d, `SELECT count(*) FROM offers`) }
	look(t, d, start)
	if n := offered(); n != 0 {
		t.Errorf("%d were offered before their time", n)
	}
	var nodes sync.WaitGroup
	for range 4 {
		nodes.Go(func() { look(t, d, start.Add(time.Minute)) })
	}
	nodes.Wait()
	if n := offered(); n != 60 {
		t.Errorf("%d were offered after a minute, want 60", n)
	}
	look(t, d, start.Add(-time.Hour)) // the clock jumps back
	look(t, d, start.Add(time.Minute))
	if n := offered(); n != 60 {
		t.Errorf("%d were offered after the clock had jumped back", n)
	}
	for range 4 { // it jumps ahead; and ringbook was down meanwhile
		nodes.Go(func() { look(t, d, start.Add(2*time.Hour)) })
	}
	nodes.Wait()
	if n, ids := offered(), count(t, d, `SELECT count(DISTINCT id) FROM offers`); n != many || ids != many {
		t.Errorf("%d offers of %d follow-ups, want %d of as many", n, ids, many)
	}
	if n := count(t, d, `SELECT count(*) FROM event WHERE kind = 'agenda' AND id = $1`, neda.ID.String()); n == 0 || n > 20 {
		t.Errorf("the owner was told %d times of %d offers", n, many)
	}
}

// Who is moved to another time is offered then, once more.
func TestReminders_OfferAgainWhatWasMoved(t *testing.T) {
	t.Parallel()
	d, _ := callCentre(t)
	id := promise(t, d, promised{kind: "task"})
	look(t, d, start)
	if s := stands(t, d, id); !s.Offered || s.State != FollowUpDue {
		t.Fatalf("at its time it stands so: %+v", s)
	}
	if err := d.InTx(deadline(t), func(tx pgx.Tx) error {
		_, err := moveFollowUp(deadline(t), tx, id, []FollowUpState{FollowUpDue}, followUpMove{To: FollowUpRescheduled, What: "rescheduled", Due: start.Add(time.Hour)})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	look(t, d, start.Add(59*time.Minute))
	if stands(t, d, id).Offered {
		t.Error("offered before its new time")
	}
	look(t, d, start.Add(time.Hour))
	if !stands(t, d, id).Offered {
		t.Error("not offered at its new time")
	}
}

// Run needs nobody to look: not for what is made after it has begun to wait, either.
func TestReminders_RunOffersInTime(t *testing.T) {
	t.Parallel()
	d, _ := callCentre(t)
	r := NewReminders(d, Hours{}, testLog(t))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) })
	defer running.Wait()
	defer cancel()
	old := promise(t, d, promised{kind: "task"})
	r.Wake()
	await(t, "what was due before is offered", func() bool { return stands(t, d, old).Offered })
	soon := promise(t, d, promised{kind: "task", due: time.Now().Add(700 * time.Millisecond)})
	r.Wake()
	await(t, "what becomes due is offered", func() bool { return stands(t, d, soon).Offered })
	var early bool
	if err := d.Pool().QueryRow(deadline(t), `SELECT offered_at < due_at FROM follow_up WHERE id = $1`, soon).Scan(&early); err != nil || early {
		t.Errorf("offered early: %v, %v", early, err)
	}
}

func TestReminders_S7_ExpireAtTheEndOfTheWindow(t *testing.T) {
	t.Parallel()
	d, _ := callCentre(t)
	end := start.Add(time.Hour)
	open := promise(t, d, promised{until: end, number: "+989121234567"})
	claimed := promise(t, d, promised{until: end, state: "claimed", claimed: omid.ID})
	dialled := promise(t, d, promised{until: end, state: "dialling", claimed: omid.ID, attempt: uuid.New()})
	later := promise(t, d, promised{until: end.Add(time.Hour)})
	look(t, d, end.Add(-time.Second))
	if s := stands(t, d, open); s.State != FollowUpDue {
		t.Errorf("before its end it is %s", s.State)
	}
	look(t, d, end)
	look(t, d, end.Add(time.Minute))
	for id, want := range map[uuid.UUID]FollowUpState{
		open: FollowUpExpired, claimed: FollowUpExpired, dialled: FollowUpDialling, later: FollowUpDue,
	} {
		if s := stands(t, d, id); s.State != want || want == FollowUpExpired && (s.What != "expired" || s.Changes != 1) {
			t.Errorf("stands so: %+v, want %s", s, want)
		}
	}
}

// Who leaves leaves work behind: the team's leader gets it, else the team, else anyone; and its history says so.
func TestReminders_ArchivedOwnersWorkGoesToWhoLeads(t *testing.T) {
	t.Parallel()
	d, _ := callCentre(t)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := d.Pool().Exec(deadline(t), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	led := promise(t, d, promised{})
	teams := promise(t, d, promised{team: team, state: "claimed", claimed: neda.ID})
	own := promise(t, d, promised{state: "claimed", claimed: neda.ID})
	others := promise(t, d, promised{assignee: omid.ID})
	look(t, d, start)
	if s := stands(t, d, led); s.Owner != neda.ID || s.Changes != 0 {
		t.Errorf("of who is here it stands so: %+v", s)
	}
	exec(`INSERT INTO team_supervisor (team_id, agent_id) VALUES ($1, $2)`, team, leader.AgentID)
	exec(`UPDATE agent SET archived_at = now() WHERE id = $1`, neda.ID)
	look(t, d, start)
	look(t, d, start)
	for id, want := range map[uuid.UUID]stance{
		led:    {State: FollowUpDue, Owner: leader.AgentID, What: "inherited", Changes: 1},
		teams:  {State: FollowUpDue, Owner: team, What: "released", Changes: 1},
		own:    {State: FollowUpDue, Owner: leader.AgentID, What: "inherited", Changes: 2},
		others: {State: FollowUpDue, Owner: omid.ID},
	} {
		if s := stands(t, d, id); s.State != want.State || s.Owner != want.Owner || s.What != want.What || s.Changes != want.Changes {
			t.Errorf("stands so: %+v, want %+v", s, want)
		}
	}
	var detail string
	if err := d.Pool().QueryRow(deadline(t), `SELECT detail->>'owner' FROM follow_up_change WHERE follow_up_id = $1`, led).Scan(&detail); err != nil ||
		detail != fmt.Sprintf(`[%q, %q]`, neda.ID, leader.AgentID) {
		t.Errorf("the history tells of the owners %s, %v", detail, err)
	}
	// Nobody leads the team any more: it is the team's; then there is no team: it is anyone's.
	exec(`UPDATE agent SET archived_at = now() WHERE id = $1`, leader.AgentID)
	exec(`UPDATE agent SET team_id = $1 WHERE id = $2`, team, leader.AgentID)
	look(t, d, start)
	if s := stands(t, d, led); s.Owner != team || s.What != "inherited" {
		t.Errorf("without a leader it stands so: %+v", s)
	}
	exec(`UPDATE team SET archived_at = now() WHERE id = $1`, team)
	look(t, d, start)
	if s := stands(t, d, led); s.Owner != uuid.Nil || s.What != "inherited" {
		t.Errorf("without a team it stands so: %+v", s)
	}
}

// hours are those of a business in Tehran.
func hours(t testing.TB, text string) Hours {
	t.Helper()
	h, err := ParseHours(text, tehran(t))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// What is looked for again and again reads few follow-ups, however many are open.
func TestReminders_P8_LookPastTenThousandOpen(t *testing.T) {
	t.Parallel()
	d, _ := overloaded(t)
	gone := uuid.New()
	if _, err := d.Pool().Exec(deadline(t), `INSERT INTO agent (id, username, name, role, archived_at) VALUES ($1, 'gone', 'Gone', 'agent', now())`, gone); err != nil {
		t.Fatal(err)
	}
	promise(t, d, promised{assignee: gone})
	promise(t, d, promised{team: team, state: "claimed", claimed: gone})
	var plan []struct{ Plan node }
	if err := d.Pool().QueryRow(deadline(t), "EXPLAIN (ANALYZE, FORMAT JSON) "+orphans, remindBatch).Scan(&plan); err != nil {
		t.Fatal(err)
	}
	if at, n := plan[0].Plan.worst(); n > 100 {
		t.Errorf("who has left: %s reads %d rows", at, n)
	}
	if n := int(plan[0].Plan.Rows); n != 2 {
		t.Errorf("%d were found, want 2", n)
	}
}

func TestNextTry(t *testing.T) {
	t.Parallel()
	zone := tehran(t)
	day := func(hour, minute int) time.Time { return time.Date(2026, 11, 23, hour, minute, 0, 0, zone) }
	until := func(x time.Time) *time.Time { return &x }
	for _, c := range []struct {
		name      string
		now, want time.Time
		until     *time.Time
	}{
		{"by day, in an hour", day(10, 20), day(11, 20), nil},
		{"in the evening, tomorrow morning", day(19, 30), day(32, 0), nil},
		{"at night, in the morning", day(3, 0), day(8, 0), nil},
		{"before midnight, tomorrow morning", day(22, 30), day(32, 0), nil},
		{"just before the morning's end of an hour", day(6, 59), day(8, 0), nil},
		{"the window ends within the hour", day(10, 0), day(10, 20), until(day(10, 40))},
		{"the window ends today", day(19, 0), day(20, 0), until(day(21, 0))},
		{"the window is over", day(10, 0), day(10, 0), until(day(9, 0))},
	} {
		if got := nextTry(c.now, c.until, hours(t, "8-20")); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got.In(zone), c.want)
		}
	}
}

// outgoing is the first picture of call n, which Neda asked for on the screen by an attempt.
func outgoing(n int, attempt uuid.UUID, number string) pbx.Call {
	c := ringing(n)
	c.Direction, c.Queue, c.Dialed, c.Caller = pbx.Outbound, "", number, pbx.Party{Number: "1001"}
	c.Legs = []pbx.Leg{{
		ID: "dial-" + attempt.String(), Channel: "PJSIP/1001-1", Role: pbx.RoleAgent, Extension: "1001", OfferedAt: c.StartedAt,
	}}
	return c
}

// pickedUp is the picture after the own phone has been picked up and the other side is called.
func pickedUp(c pbx.Call) pbx.Call {
	c = next(c, time.Second)
	c.Legs[0].AnsweredAt = when(c)
	c.Legs = append(c.Legs, pbx.Leg{ID: "out", Channel: "PJSIP/trunk-1", Role: pbx.RoleCustomer, Number: c.Dialed, OfferedAt: when(c)})
	return c
}

func reached(c pbx.Call) pbx.Call {
	c = next(c, 3*time.Second)
	c.State, c.AnsweredAt = pbx.StateTalking, when(c)
	c.Legs[1].AnsweredAt = when(c)
	return c
}

// dialledFrom is a follow-up that is being dialled as call n, with the attempt.
func dialledFrom(t testing.TB, d *db.DB, number string) (id, attempt uuid.UUID) {
	t.Helper()
	attempt = uuid.New()
	id = promise(t, d, promised{state: "dialling", claimed: neda.ID, attempt: attempt, number: number})
	if _, err := d.Pool().Exec(deadline(t), `
		INSERT INTO dial_attempt (id, agent_id, pbx, extension, number, dialled, follow_up_id, state) VALUES ($1, $2, 'main', '1001', $3, $3, $4, 'placed')`,
		attempt, neda.ID, number, id); err != nil {
		t.Fatal(err)
	}
	return id, attempt
}

// S7: what became of the call moves the follow-up from which it was dialled, once, however often and in whatever order its
// pictures come, on any number of nodes.
func TestFollowCalls_S7_TheCallsOutcomeIsTheFollowUps(t *testing.T) {
	t.Parallel()
	d, _ := callCentre(t)
	const number = "+989121234567"
	for i, c := range []struct {
		name     string
		pictures func(n int, attempt uuid.UUID) []pbx.Call
		want     FollowUpState
		what     string
		tries    int
	}{
		{"answered", func(n int, a uuid.UUID) []pbx.Call {
			rings := outgoing(n, a, number)
			talks := reached(pickedUp(rings))
			return []pbx.Call{rings, pickedUp(rings), talks, ended(talks)}
		}, FollowUpReached, "answered", 1},
		{"not answered", func(n int, a uuid.UUID) []pbx.Call {
			rings := outgoing(n, a, number)
			return []pbx.Call{rings, pickedUp(rings), ended(pickedUp(rings))}
		}, FollowUpNoAnswer, "no_answer", 1},
		{"own phone not picked up", func(n int, a uuid.UUID) []pbx.Call {
			rings := outgoing(n, a, number)
			return []pbx.Call{rings, ended(rings)}
		}, FollowUpDue, "not_placed", 0},
		{"the end inferred, then seen: answered", func(n int, a uuid.UUID) []pbx.Call {
			rings := pickedUp(outgoing(n, a, number))
			inferred := ended(rings)
			inferred.Reconstructed, inferred.EndedBefore = true, inferred.EndedAt.Add(time.Second)
			return []pbx.Call{rings, inferred, ended(reached(rings))}
		}, FollowUpReached, "answered", 1},
		{"answered, and inferred later by who missed it", func(n int, a uuid.UUID) []pbx.Call {
			rings := pickedUp(outgoing(n, a, number))
			inferred := ended(rings)
			inferred.Reconstructed, inferred.EndedBefore = true, inferred.EndedAt.Add(time.Second)
			return []pbx.Call{rings, ended(reached(rings)), inferred}
		}, FollowUpReached, "answered", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, _ := record(t, config(t, d))
			second, _ := record(t, config(t, d))
			id, attempt := dialledFrom(t, d, number)
			pictures := c.pictures(100*(i+1), attempt)
			for _, p := range pictures {
				first.Update(p)
				settle(t, first)
			}
			s := stands(t, d, id)
			if s.State != c.want || s.What != c.what || s.Tries != c.tries {
				t.Errorf("stands so: %+v, want %s after %d tries", s, c.want, c.tries)
			}
			if c.want != FollowUpDue && (s.Call == nil || *s.Call != pictures[0].ID) {
				t.Errorf("the call is %v", s.Call)
			}
			if c.want == FollowUpNoAnswer && !s.Due.After(start) {
				t.Errorf("the next try is due at %v", s.Due)
			}
			// The other node tells the same, and the exchange's records do.
			for _, p := range slices.Backward(pictures) {
				second.Update(p)
				settle(t, second)
				p.Reconstructed = true
				second.Update(next(p, time.Minute))
				settle(t, second)
			}
			if again := stands(t, d, id); again != s && (again.State != s.State || again.Changes != s.Changes || again.Tries != s.Tries) {
				t.Errorf("told again it stands so: %+v, before: %+v", again, s)
			}
		})
	}
}

// S7: who was promised a call and rings before, or is reached otherwise, is called no more. Nothing but that is closed by it.
func TestFollowCalls_S7_TheCallerRingsByHimself(t *testing.T) {
	t.Parallel()
	d, store := callCentre(t)
	r, _ := record(t, config(t, d))
	number := func(n int) string { return fmt.Sprintf("+98912%07d", n) }
	call := ringing(7, "1001")
	tomorrow := start.Add(24 * time.Hour)
	should := map[string]uuid.UUID{
		"before it is due":          promise(t, d, promised{number: number(7), due: tomorrow}),
		"another's":                 promise(t, d, promised{number: number(7), assignee: omid.ID}),
		"claimed":                   promise(t, d, promised{number: number(7), team: team, state: "claimed", claimed: omid.ID}),
		"being dialled by somebody": promise(t, d, promised{number: number(7), state: "dialling", claimed: omid.ID, attempt: uuid.New()}),
		"claimed while it rang":     promise(t, d, promised{number: number(7), anyone: true}),
	}
	if _, err := d.Pool().Exec(deadline(t), `UPDATE follow_up SET state = 'claimed', claimed_by = $2, claimed_at = now(), updated_at = $3 WHERE id = $1`,
		should["claimed while it rang"], omid.ID, answered(call).AnsweredAt.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	stay := map[string]uuid.UUID{
		"a task":                  promise(t, d, promised{kind: "task", number: "", customer: sara}),
		"another number":          promise(t, d, promised{number: number(8)}),
		"of that call":            promise(t, d, promised{number: number(7), call: call.ID}),
		"made afterwards":         promise(t, d, promised{number: number(7), made: start.Add(time.Hour)}),
		"another customer's":      promise(t, d, promised{number: "", customer: company}),
		"no number, no customer":  promise(t, d, promised{}),
		"another customer's, too": promise(t, d, promised{number: "", customer: sara}),
	}
	r.Update(call)
	settle(t, r)
	for what, id := range should {
		if s := stands(t, d, id); s.Changes != 0 {
			t.Errorf("%s: while it rings it stands so: %+v", what, s)
		}
	}
	talks := answered(call)
	r.Update(talks)
	settle(t, r)
	closed := func(when string) {
		t.Helper()
		for what, id := range should {
			if s := stands(t, d, id); s.State != FollowUpReached || s.What != "called_again" || s.Call == nil || *s.Call != call.ID || s.Changes != 1 {
				t.Errorf("%s, %s: stands so: %+v", when, what, s)
			}
		}
		for what, id := range stay {
			if s := stands(t, d, id); s.State.Closed() || s.Changes != 0 {
				t.Errorf("%s, %s: stands so: %+v", when, what, s)
			}
		}
	}
	closed("answered")
	r.Update(ended(talks))
	settle(t, r)
	closed("ended")

	// A person opens one again: the same call, told late, does not close it again. Another one does.
	again := should["before it is due"]
	if err := d.InTx(deadline(t), func(tx pgx.Tx) error {
		_, err := moveFollowUp(deadline(t), tx, again, []FollowUpState{FollowUpReached}, followUpMove{To: FollowUpDue, What: "reopened"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r.Update(next(ended(talks), time.Hour))
	settle(t, r)
	if s := stands(t, d, again); s.State != FollowUpDue {
		t.Errorf("opened again, it stands so: %+v", s)
	}
	// A customer who was chosen for the call afterwards had been promised one, too.
	waits := stay["another customer's, too"]
	if _, err := store.Annotate(deadline(t), admin, call.ID, Patch{Customer: &sara}, false); err != nil {
		t.Fatal(err)
	}
	if s := stands(t, d, waits); s.State != FollowUpReached || s.What != "called_again" {
		t.Errorf("of the customer chosen afterwards it stands so: %+v", s)
	}
}

// An outcome that did not come by the call's pictures is found by looking; a call that rings is let be.
func TestReminders_EndDialsThatNobodyEnded(t *testing.T) {
	t.Parallel()
	d, _ := callCentre(t)
	r, _ := record(t, config(t, d))
	const number = "+989121234567"
	rings, ringsBy := dialledFrom(t, d, number)
	lost, _ := dialledFrom(t, d, number)
	over, overBy := dialledFrom(t, d, number)
	first, second := pickedUp(outgoing(1, ringsBy, "+989120000001")), ended(pickedUp(outgoing(2, overBy, "+989120000002")))
	second.Legs[0].ID = "not by the attempt" // as of a call that became part of another
	r.Update(first)
	r.Update(second)
	settle(t, r)
	for attempt, call := range map[uuid.UUID]uuid.UUID{ringsBy: first.ID, overBy: second.ID} {
		if _, err := d.Pool().Exec(deadline(t), `UPDATE dial_attempt SET call_id = $2 WHERE id = $1`, attempt, call); err != nil {
			t.Fatal(err)
		}
	}
	look(t, d, time.Now())
	for id, want := range map[uuid.UUID]FollowUpState{rings: FollowUpDialling, lost: FollowUpDialling, over: FollowUpNoAnswer} {
		if s := stands(t, d, id); s.State != want {
			t.Errorf("stands so: %+v, want %s", s, want)
		}
	}
	look(t, d, time.Now().Add(dialLost+time.Minute))
	for id, want := range map[uuid.UUID]FollowUpState{rings: FollowUpDialling, lost: FollowUpNoAnswer} {
		if s := stands(t, d, id); s.State != want {
			t.Errorf("later it stands so: %+v, want %s", s, want)
		}
	}
}

// P8: ten thousand overdue are a few rows of an index, and what comes due now is among them.
func TestFollowUps_P8_AgendaOfTenThousandOverdue(t *testing.T) {
	t.Parallel()
	d, store := callCentre(t)
	now := start.Add(time.Hour) // noon of Tehran
	fill := func(owner any, n int, from time.Time, step string) {
		t.Helper()
		if _, err := d.Pool().Exec(deadline(t), `
			INSERT INTO follow_up (id, kind, title, note, state, assignee_id, due_at, offered_at, search)
			SELECT gen_random_uuid(), 'task', 'task ' || n, repeat('word ', 100), 'due', $1, $2::timestamptz + n * $4::interval, NULL, ''
			FROM generate_series(1, $3) n`, owner, from, n, step); err != nil {
			t.Fatal(err)
		}
	}
	fill(neda.ID, 10_000, now.Add(-20_000*time.Minute), "1 minute")
	fill(neda.ID, 30, now, "1 minute")
	fill(neda.ID, 2000, now.Add(48*time.Hour), "1 minute")
	last := promise(t, d, promised{due: now})
	promise(t, d, promised{due: now.Add(-time.Minute), state: "claimed", claimed: omid.ID}) // Neda's, in Omid's hands
	teams := promise(t, d, promised{due: now.Add(-time.Minute), team: team})
	taken := promise(t, d, promised{due: now.Add(-time.Minute), anyone: true, state: "claimed", claimed: omid.ID})
	free := promise(t, d, promised{due: now.Add(-time.Minute), anyone: true, number: "+989121234567", customer: sara})
	if _, err := d.Pool().Exec(deadline(t), `ANALYZE follow_up`); err != nil {
		t.Fatal(err)
	}
	s := NewFollowUps(FollowUpsConfig{DB: d, CRM: store.crm, Calls: store, Acts: &Acts{}, Zone: tehran(t)})
	agendas, err := s.agendas(deadline(t), []uuid.UUID{neda.ID, omid.ID, team, uuid.Nil}, now)
	if err != nil {
		t.Fatal(err)
	}
	own := agendas[0]
	if n := len(own.Items); n != agendaSoonest+agendaLast+agendaComing || own.Overdue != agendaCounted || own.Today != 30 {
		t.Errorf("%d items, %d overdue, %d today", n, own.Overdue, own.Today)
	}
	is := func(id uuid.UUID) func(OpenFollowUp) bool { return func(f OpenFollowUp) bool { return f.ID == id } }
	if !slices.ContainsFunc(own.Items, is(last)) {
		t.Error("what is due now is not among them")
	}
	if !slices.IsSortedFunc(own.Items, func(a, b OpenFollowUp) int { return a.DueAt.Compare(b.DueAt) }) {
		t.Error("they are not in the order in which they are due")
	}
	for _, f := range own.Items {
		if len(f.Note) > 140 {
			t.Errorf("a note of %d characters is on the desk", len(f.Note))
		}
	}
	for i, want := range map[int]uuid.UUID{2: teams, 3: free} {
		if len(agendas[i].Items) != 1 || agendas[i].Items[0].ID != want {
			t.Errorf("agenda %d is %+v", i, agendas[i].Items)
		}
	}
	if len(agendas[1].Items) != 2 || agendas[1].Overdue != 2 || !slices.ContainsFunc(agendas[1].Items, is(taken)) {
		t.Errorf("who has claimed two has %+v", agendas[1])
	}
	if end := time.Date(2026, 11, 23, 0, 0, 0, 0, tehran(t)); !own.Ends.Equal(end) {
		t.Errorf("the day ends at %v", own.Ends)
	}
	// The plan walks the index of each owner, whatever there is.
	var plan string
	rows, err := d.Pool().Query(deadline(t), `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
		SELECT id FROM follow_up WHERE closed_at IS NULL AND owner = $1 AND (claimed_by IS NULL OR claimed_by = $1) AND due_at <= $2 ORDER BY due_at, id LIMIT 20`, neda.ID, now)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		plan += line + "\n"
	}
	if slices.ContainsFunc(lines, func(l string) bool { return len(l) > 4 && (l[:4] == "Sort" || l[:3] == "Seq") }) {
		t.Errorf("the plan sorts or reads all:\n%s", plan)
	}

	promises, err := s.Promises(deadline(t), []uuid.UUID{sara}, "", 5)
	if err != nil || len(promises) != 1 || promises[0].ID != free || promises[0].CustomerName != "Sara Ahmadi" {
		t.Errorf("promised to the customer: %+v, %v", promises, err)
	}
	if promises, err = s.Promises(deadline(t), nil, "+989121234567", 5); err != nil || len(promises) != 1 {
		t.Errorf("promised to the number: %+v, %v", promises, err)
	}
	if promises, err = s.Promises(deadline(t), nil, "", 5); err != nil || len(promises) != 0 {
		t.Errorf("promised to nobody: %+v, %v", promises, err)
	}
}

// The table tells whom it concerns, before and after, also of what many statements forget.
func TestFollowUps_TheTableTellsOfItsOwners(t *testing.T) {
	t.Parallel()
	d, _ := callCentre(t)
	id := promise(t, d, promised{number: "+989121234567", customer: sara})
	told := func() []string {
		t.Helper()
		rows, err := d.Pool().Query(deadline(t), `WITH gone AS (DELETE FROM event RETURNING kind, id) SELECT kind || ' ' || id FROM gone ORDER BY 1`)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got, want := told(), []string{"agenda " + neda.ID.String(), "promise +989121234567", "promise " + sara.String()}; !slices.Equal(got, want) {
		t.Errorf("made: told %q, want %q", got, want)
	}
	for range 30 {
		promise(t, d, promised{number: "+989121234567"})
	}
	told()
	if _, err := d.Pool().Exec(deadline(t), `UPDATE follow_up SET assignee_id = $1`, omid.ID); err != nil {
		t.Fatal(err)
	}
	want := []string{"agenda " + neda.ID.String(), "agenda " + omid.ID.String(), "promise +989121234567", "promise " + sara.String()}
	if got := told(); !slices.Equal(got, want) {
		t.Errorf("given to another: told %q, want %q", got, want)
	}
	if _, err := d.Pool().Exec(deadline(t), `UPDATE follow_up SET assignee_id = NULL, state = 'claimed', claimed_by = $2, claimed_at = now() WHERE id = $1`, id, neda.ID); err != nil {
		t.Fatal(err)
	}
	want = []string{"agenda " + uuid.Nil.String(), "agenda " + neda.ID.String(), "agenda " + omid.ID.String(), "promise +989121234567", "promise " + sara.String()}
	if got := told(); !slices.Equal(got, want) {
		t.Errorf("claimed: told %q, want %q", got, want)
	}
}
