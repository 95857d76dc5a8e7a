package crm

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"
)

func TestDispositions(t *testing.T) {
	s := newStore(t)
	neda := worker(t, s, "neda", "1001")
	if got := must(s.Dispositions(t.Context(), false))(t); len(got) != 0 {
		t.Errorf("a new house offers %v", got)
	}
	if _, err := s.CreateDisposition(t.Context(), neda, DispositionInput{Name: "x"}); !errors.Is(err, ErrForbidden) {
		t.Errorf("an agent makes one: %v", err)
	}
	key := func(k int) *int { return &k }
	make := func(in DispositionInput) Disposition {
		t.Helper()
		return must(s.CreateDisposition(t.Context(), System, in))(t)
	}
	sold := make(DispositionInput{Name: " فروخته شد ", Key: key(1)})
	back := make(DispositionInput{Name: "Call back", Key: key(2), FollowUp: &DispositionFollowUp{Kind: "callback", Title: "Call", AfterMS: 60_000}})
	wrong := make(DispositionInput{Name: "Wrong number"})
	if sold.Name != "فروخته شد" || sold.Version != 1 || *sold.Key != 1 || back.FollowUp == nil || back.FollowUp.AfterMS != 60_000 || wrong.Key != nil {
		t.Errorf("made %+v, %+v, %+v", sold, back, wrong)
	}
	for _, c := range []struct {
		in    DispositionInput
		field string
	}{
		{DispositionInput{Name: " "}, "name"},
		{DispositionInput{Name: "call BACK"}, "name"},
		{DispositionInput{Name: "Other", Key: key(2)}, "key"},
		{DispositionInput{Name: "Other", Key: key(10)}, "key"},
		{DispositionInput{Name: "Other", QueueID: &neda.AgentID}, "queue_id"},
		{DispositionInput{Name: "Other", FollowUp: &DispositionFollowUp{Kind: "visit"}}, "follow_up.kind"},
		{DispositionInput{Name: "Other", FollowUp: &DispositionFollowUp{Kind: "task", AfterMS: -1}}, "follow_up.after_ms"},
	} {
		_, err := s.CreateDisposition(t.Context(), System, c.in)
		wantFields(t, err, c.field)
	}

	// A queue's list is its own, if it has one.
	queue := QueueID("main", "sales")
	if _, err := s.db.Pool().Exec(t.Context(), `INSERT INTO queue (id, pbx, name) VALUES ($1, 'main', 'sales')`, queue); err != nil {
		t.Fatal(err)
	}
	offered := func(queue uuid.UUID) (names []string) {
		for _, d := range must(s.DispositionsOf(t.Context(), queue))(t) {
			names = append(names, d.Name)
		}
		return names
	}
	general := []string{sold.Name, back.Name, wrong.Name}
	if got := offered(queue); !slices.Equal(got, general) {
		t.Errorf("a queue without a list has %v", got)
	}
	own := make(DispositionInput{QueueID: &queue, Name: "Call back", Key: key(1)}) // neither name nor key is taken in this list
	if got := offered(queue); !slices.Equal(got, []string{own.Name}) {
		t.Errorf("a queue with a list has %v", got)
	}
	if got := offered(uuid.Nil); !slices.Equal(got, general) {
		t.Errorf("calls of no queue have %v", got)
	}

	// Order, keys and follow-ups change; what is archived comes back, without the key that another has by now.
	update := func(id uuid.UUID, p DispositionPatch) Disposition {
		t.Helper()
		return must(s.UpdateDisposition(t.Context(), System, id, p))(t)
	}
	first, yes, no := 0, true, false
	if got := update(wrong.ID, DispositionPatch{Position: &first, Version: &wrong.Version}); got.Position != 0 || got.Version != 2 {
		t.Errorf("moved %+v", got)
	}
	if got := offered(uuid.Nil); !slices.Equal(got, []string{wrong.Name, sold.Name, back.Name}) {
		t.Errorf("the order is %v", got)
	}
	if got := update(back.ID, DispositionPatch{FollowUp: &DispositionFollowUp{}}); got.FollowUp != nil || *got.Key != 2 {
		t.Errorf("without a follow-up: %+v", got)
	}
	if got := update(own.ID, DispositionPatch{Archived: &yes}); got.ArchivedAt == nil {
		t.Errorf("archived %+v", got)
	}
	if got := offered(queue); len(got) != 3 {
		t.Errorf("with its list archived a queue has %v", got)
	}
	update(sold.ID, DispositionPatch{Archived: &yes})
	if got := update(sold.ID, DispositionPatch{Archived: &no}); got.ArchivedAt != nil || *got.Key != 1 {
		t.Errorf("restored %+v", got)
	}
	update(sold.ID, DispositionPatch{Archived: &yes})
	update(wrong.ID, DispositionPatch{Key: key(1)})
	if got := update(sold.ID, DispositionPatch{Archived: &no}); got.ArchivedAt != nil || got.Key != nil {
		t.Errorf("restored while another has the key: %+v", got)
	}
	_, err := s.UpdateDisposition(t.Context(), System, sold.ID, DispositionPatch{Key: key(1)})
	wantFields(t, err, "key")
	update(wrong.ID, DispositionPatch{Key: key(0)})
	if got := update(sold.ID, DispositionPatch{Key: key(1)}); *got.Key != 1 {
		t.Errorf("with a free key: %+v", got)
	}
	if _, err := s.UpdateDisposition(t.Context(), System, wrong.ID, DispositionPatch{Version: &wrong.Version}); !errors.Is(err, ErrConflict) {
		t.Errorf("an older version: %v", err)
	}
	if _, err := s.UpdateDisposition(t.Context(), System, uuid.New(), DispositionPatch{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
	if log := must(s.Audit(t.Context(), System, EventDisposition, sold.ID.String()))(t); len(log) < 5 {
		t.Errorf("the history has %d entries", len(log))
	}
}

// The audit says what was changed, a place in the list too.
func TestDispositions_AreAudited(t *testing.T) {
	s := newStore(t)
	make := func(name string) Disposition {
		t.Helper()
		return must(s.CreateDisposition(t.Context(), System, DispositionInput{Name: name}))(t)
	}
	first, second := make("Sold"), make("Call back")
	name, place := "Bought", 0
	must(s.UpdateDisposition(t.Context(), System, first.ID, DispositionPatch{Name: &name}))(t)
	must(s.UpdateDisposition(t.Context(), System, second.ID, DispositionPatch{Position: &place}))(t)
	for id, want := range map[uuid.UUID]string{first.ID: `{"name": ["Sold", "Bought"]}`, second.ID: `{"position": [1, 0]}`} {
		if entries := must(s.Audit(t.Context(), System, EventDisposition, id.String()))(t); string(entries[0].Changes) != want {
			t.Errorf("the audit says %s, want %s", entries[0].Changes, want)
		}
	}
}
