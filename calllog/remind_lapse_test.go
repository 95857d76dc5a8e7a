package calllog

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/db"
)

// choose makes an agent something, at a time.
func choose(t testing.TB, d *db.DB, agent uuid.UUID, state crm.State, at time.Time) {
	t.Helper()
	if _, err := d.Pool().Exec(deadline(t), `UPDATE agent_choice SET until_at = $2 WHERE agent_id = $1 AND until_at IS NULL`, agent, at); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `INSERT INTO agent_choice (agent_id, since_at, state, reason, set_by) VALUES ($1, $2, $3, '', 'desk')`, agent, at, state); err != nil {
		t.Fatal(err)
	}
}

// Who claimed a callback and went home keeps nobody from calling back.
func TestReminders_ClaimsOfCallbacksLapse(t *testing.T) {
	t.Parallel()
	d, _ := callCentre(t)
	claimed := promised{team: team, state: "claimed", claimed: neda.ID, made: start.Add(-time.Hour)}
	of := func(change func(*promised)) uuid.UUID { p := claimed; change(&p); return promise(t, d, p) }
	due := of(func(*promised) {})
	planned := of(func(p *promised) { p.due = start.Add(24 * time.Hour) })
	task := of(func(p *promised) { p.kind = "task" })
	own := of(func(p *promised) { p.team, p.assignee = uuid.Nil, neda.ID })
	others := of(func(p *promised) { p.claimed = omid.ID })
	fresh := of(func(p *promised) { p.made = start.Add(time.Hour) })
	lapsed := func(when string, want ...uuid.UUID) {
		t.Helper()
		for _, id := range []uuid.UUID{due, planned, task, own, others, fresh} {
			s, is := stands(t, d, id), false
			for _, w := range want {
				is = is || w == id
			}
			if is != (s.State == FollowUpDue) || is && (s.What != "lapsed" || s.Changes != 1) || !is && s.State != FollowUpClaimed {
				t.Errorf("%s: %+v", when, s)
			}
		}
	}
	choose(t, d, neda.ID, crm.Offline, start.Add(-2*time.Hour)) // and works on all the same
	look(t, d, start.Add(time.Minute))
	lapsed("offline since before")
	choose(t, d, neda.ID, crm.Available, start.Add(-30*time.Minute))
	choose(t, d, neda.ID, crm.Paused, start)
	look(t, d, start.Add(time.Minute))
	lapsed("paused")
	choose(t, d, neda.ID, crm.Offline, start.Add(time.Minute))
	look(t, d, start.Add(time.Minute))
	look(t, d, start.Add(time.Minute))
	lapsed("offline since", due)
	look(t, d, start.Add(claimLasts))
	lapsed("two hours after they were due", due, others)
}

// S4: so it is with missed calls, and who looks after them is told.
func TestMissed_S4_ClaimsLapse(t *testing.T) {
	t.Parallel()
	d, s, r := missedCentre(t)
	r.Update(ended(by(ringing(1, "1001"), "09120000001")))
	settle(t, r)
	id := missed(t, s, admin)[0].ID
	claim := func() time.Time {
		t.Helper()
		m, err := s.ClaimMissed(deadline(t), agentNeda, id)
		if err != nil {
			t.Fatal(err)
		}
		return *m.ClaimedAt
	}
	has := func() bool { return missed(t, s, admin)[0].ClaimedBy != nil }
	at := claim()
	choose(t, d, neda.ID, crm.Offline, at.Add(-time.Minute))
	look(t, d, at.Add(claimLasts-time.Second))
	if !has() {
		t.Error("it lapsed before its time")
	}
	told := func() int {
		return count(t, d, `SELECT count(*) FROM event WHERE kind = 'missed' AND id = $1`, id.String())
	}
	before := told()
	look(t, d, at.Add(claimLasts+time.Second))
	if has() || told() != before+1 {
		t.Errorf("after two hours it is claimed: %v; told %d times", has(), told()-before)
	}
	at = claim()
	choose(t, d, neda.ID, crm.Offline, at.Add(time.Second))
	look(t, d, at.Add(time.Second))
	if has() {
		t.Error("who has left has it")
	}
	choose(t, d, neda.ID, crm.Available, at.Add(2*time.Second))
	claim()
	look(t, d, time.Now())
	if !has() {
		t.Error("who is here has it not")
	}
	if _, err := d.Pool().Exec(deadline(t), `UPDATE agent SET archived_at = now() WHERE id = $1`, neda.ID); err != nil {
		t.Fatal(err)
	}
	look(t, d, time.Now())
	if has() {
		t.Error("who is archived has it")
	}
	if n := count(t, d, `SELECT count(*) FROM audit WHERE action = 'lapse' AND entity = 'missed' AND entity_id = $1 AND actor = 'system'`, id.String()); n != 3 {
		t.Errorf("audited %d times", n)
	}
}
