package calllog

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// offer makes a disposition; uuid.Nil: of the general list.
func offer(t *testing.T, s *Store, queue uuid.UUID, name string) crm.Disposition {
	t.Helper()
	d, err := s.crm.CreateDisposition(deadline(t), crm.System, crm.DispositionInput{QueueID: idOrNil(queue), Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStore_Disposition(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	c := ended(answered(ringing(1, "1001")))
	r.Update(c)
	other := ringing(2, "1002")
	other.Queue = "sales"
	r.Update(other)
	settle(t, r)
	sold, lost := offer(t, s, uuid.Nil, "Sold"), offer(t, s, uuid.Nil, "Lost")
	theirs := offer(t, s, crm.QueueID("main", "sales"), "Order")
	say := func(a crm.Actor, call, id uuid.UUID) (Record, error) {
		return s.Annotate(deadline(t), a, call, Patch{Disposition: &id}, false)
	}

	got, err := say(agentNeda, c.ID, sold.ID)
	if err != nil || got.Disposition == nil || *got.Disposition != (Disposition{sold.ID, "Sold"}) {
		t.Fatalf("said %+v, %v", got.Disposition, err)
	}
	if a, err := s.Annotation(deadline(t), c.ID); err != nil || a.DispositionID != sold.ID || a.Disposition != "Sold" {
		t.Errorf("a desk is told %+v, %v", a, err)
	}
	note := "two licences"
	if got, err = s.Annotate(deadline(t), agentNeda, c.ID, Patch{Note: &note}, false); err != nil || got.Disposition == nil {
		t.Errorf("a note takes the disposition: %+v, %v", got.Disposition, err)
	}
	if got, err = say(agentNeda, c.ID, lost.ID); err != nil || got.Disposition.Name != "Lost" || got.Note != note {
		t.Errorf("changed to %+v, %v", got.Disposition, err)
	}
	_, err = say(agentNeda, c.ID, theirs.ID)
	refused(t, err, "disposition_id")
	_, err = say(agentNeda, c.ID, uuid.New())
	refused(t, err, "disposition_id")
	if _, err := say(agentOmid, c.ID, sold.ID); !errors.Is(err, crm.ErrNotFound) {
		t.Errorf("who had no part in the call: %v", err)
	}
	if got, err = say(agentOmid, other.ID, theirs.ID); err != nil || got.Disposition.Name != "Order" {
		t.Errorf("of the queue's own list: %+v, %v", got.Disposition, err)
	}

	// What is not offered any more stays told, and may be said again, but of no other call.
	archived := true
	if _, err := s.crm.UpdateDisposition(deadline(t), crm.System, lost.ID, crm.DispositionPatch{Archived: &archived}); err != nil {
		t.Fatal(err)
	}
	if got, err = say(agentNeda, c.ID, lost.ID); err != nil || got.Disposition.Name != "Lost" {
		t.Errorf("said again: %+v, %v", got.Disposition, err)
	}
	_, err = say(agentOmid, other.ID, lost.ID)
	refused(t, err, "disposition_id")
	if got, err = say(agentNeda, c.ID, uuid.Nil); err != nil || got.Disposition != nil {
		t.Errorf("taken back: %+v, %v", got.Disposition, err)
	}
	var log []crm.AuditEntry
	if log, err = s.crm.Audit(deadline(t), crm.System, EventCall, c.ID.String()); err != nil || len(log) != 3 {
		t.Errorf("the history has %d changes, want 3: %v", len(log), err)
	}

	// The recorder leaves alone what people said.
	if _, err := say(agentNeda, c.ID, sold.ID); err != nil {
		t.Fatal(err)
	}
	r.Update(next(c, time.Second))
	settle(t, r)
	if got, err = s.Call(deadline(t), admin, c.ID); err != nil || got.Disposition == nil || got.Disposition.ID != sold.ID {
		t.Errorf("after another picture: %+v, %v", got.Disposition, err)
	}
}

// What was said of a call that turns out to be part of another is said of that one, unless something was said of it.
func TestStore_DispositionOfAMergedCall(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	sold, lost := offer(t, s, uuid.Nil, "Sold"), offer(t, s, uuid.Nil, "Lost")
	for i, said := range []uuid.UUID{uuid.Nil, lost.ID} {
		customers, question := answered(ringing(10*i+1, "1001")), answered(ringing(10*i+2, "1002"))
		r.Update(customers)
		r.Update(question)
		settle(t, r)
		for call, id := range map[uuid.UUID]uuid.UUID{customers.ID: said, question.ID: sold.ID} {
			if _, err := s.Annotate(deadline(t), agentOmid, call, Patch{Disposition: &id}, true); err != nil {
				t.Fatal(err)
			}
		}
		question = next(question, time.Second)
		question.State, question.Outcome, question.EndedAt, question.MergedInto = pbx.StateEnded, pbx.Answered, when(question), customers.ID
		for range 2 {
			r.Update(question)
			settle(t, r)
			question = next(question, time.Second)
		}
		want := said
		if want == uuid.Nil {
			want = sold.ID
		}
		for _, id := range []uuid.UUID{customers.ID, question.ID} {
			if got, err := s.Call(deadline(t), admin, id); err != nil || got.Disposition == nil || got.Disposition.ID != want {
				t.Errorf("case %d: %+v, %v", i, got.Disposition, err)
			}
		}
	}
}

func TestStore_CallsByDisposition(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	sold, lost := offer(t, s, uuid.Nil, "Sold"), offer(t, s, uuid.Nil, "Lost")
	for n := range 6 {
		c := ended(answered(ringing(n+1, "1001")))
		if n >= 4 {
			c = ended(ringing(n+1, "1001"))
		}
		r.Update(c)
		settle(t, r)
		said, note := []crm.Disposition{sold, lost}[n%2], "two licences"
		for _, p := range []Patch{{Note: &note}, {Disposition: &said.ID}} {
			if n%3 == 0 { // a note before, or after
				p, note = Patch{Disposition: &said.ID, Note: &note}, "three licences"
			}
			if _, err := s.Annotate(deadline(t), admin, c.ID, p, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(what string, f Filter, want ...int) {
		t.Helper()
		if got := ids(list(t, s, admin, f)); !slices.Equal(got, want) {
			t.Errorf("%s: calls %v, want %v", what, got, want)
		}
		if e, err := s.Estimate(deadline(t), admin, f); err != nil || e.Rows != int64(len(want)) {
			t.Errorf("%s: about %+v, %v", what, e, err)
		}
	}
	check("alone", Filter{Disposition: sold.ID}, 5, 3, 1)
	check("with an outcome", Filter{Disposition: sold.ID, Outcome: pbx.Answered}, 3, 1)
	check("with another", Filter{Disposition: lost.ID, Outcome: pbx.Missed, Direction: pbx.Inbound}, 6)
	check("with words of the note", Filter{Disposition: lost.ID, Q: "licen"}, 6, 4, 2)
	check("with an agent and a queue", Filter{Disposition: lost.ID, Agent: neda.ID, Queue: "support"}, 6, 4, 2)
	check("of none", Filter{Disposition: uuid.New()})
	check("of none, with an outcome", Filter{Disposition: uuid.New(), Outcome: pbx.Missed})
	if _, err := s.Annotate(deadline(t), admin, list(t, s, admin, Filter{Disposition: sold.ID}).Items[0].ID, Patch{Disposition: &lost.ID}, false); err != nil {
		t.Fatal(err)
	}
	check("changed", Filter{Disposition: sold.ID, Direction: pbx.Inbound}, 3, 1)
	check("changed to", Filter{Disposition: lost.ID, Direction: pbx.Inbound}, 6, 5, 4, 2)
	if _, err := s.Annotate(deadline(t), admin, list(t, s, admin, Filter{Disposition: sold.ID}).Items[0].ID, Patch{Disposition: new(uuid.Nil)}, false); err != nil {
		t.Fatal(err)
	}
	check("taken back", Filter{Disposition: sold.ID, Q: "licences"}, 1)
}
