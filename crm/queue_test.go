package crm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// learn has a store learn what calls tell, as the recorder does.
func learn(t testing.TB, s *Store, seen ...QueueSeen) {
	t.Helper()
	err := s.db.InTx(t.Context(), func(tx pgx.Tx) error { return s.LearnQueues(t.Context(), tx, seen) })
	if err != nil {
		t.Fatal(err)
	}
}

// refreshed makes a store know what is in the database.
func refreshed(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func queue(t testing.TB, s *Store, pbx, name string) Queue {
	t.Helper()
	return must(s.Queue(t.Context(), System, QueueID(pbx, name)))(t)
}

func TestQueues_LearnedFromCalls(t *testing.T) {
	s := newStore(t)
	now := time.Now()
	learn(t, s,
		QueueSeen{"main", "support", "+982191001234", now}, QueueSeen{"main", "Support", "600", now},
		QueueSeen{"main", "support", "600", now}, QueueSeen{"main", "support", "", now}, QueueSeen{"branch", "support", "", now},
		QueueSeen{"main", "", "600", now})
	learn(t, s, QueueSeen{"main", "SUPPORT", "601", now}, QueueSeen{"main", "فروش", "", now})
	list := must(s.Queues(t.Context(), System, QueueFilter{}))(t)
	var got []string
	for _, q := range list {
		got = append(got, q.PBX+" "+q.Label+" "+strings.Join(q.Numbers, ","))
	}
	want := []string{"main فروش ", "branch support ", "main support +982191001234,600,601"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	q := queue(t, s, "main", "support")
	if q.Name != "support" || q.ServiceLevelS != 20 || q.ServiceLevelPercent != 80 || q.WrapUpS != 0 || len(q.Said) != 0 || q.Version != 1 {
		t.Errorf("learned: %+v", q)
	}
	if got := must(s.Queues(t.Context(), System, QueueFilter{Q: "MAIN 9100"}))(t); len(got) != 1 || got[0].ID != q.ID {
		t.Errorf("found %+v", got)
	}

	// What is known takes no database: none is given.
	refreshed(t, s)
	if err := s.LearnQueues(t.Context(), nil, []QueueSeen{{"main", "support", "601", now}, {"Main", "", "7", now}, {"main", "sUpport", "", now}}); err != nil {
		t.Error(err)
	}
}

// What is learned stops at a bound, so that a dialplan with queues and numbers without end cannot fill the database.
func TestQueues_LearnedNumbersAreBounded(t *testing.T) {
	s := newStore(t)
	for n := range 3 {
		var seen []QueueSeen
		for i := range 150 {
			seen = append(seen, QueueSeen{"main", "support", itoa(1000*n + i), time.Now()})
		}
		learn(t, s, seen...)
		refreshed(t, s)
	}
	if q := queue(t, s, "main", "support"); len(q.Numbers) != maxQueueNumbers {
		t.Errorf("%d numbers", len(q.Numbers))
	}
	if err := s.LearnQueues(t.Context(), nil, []QueueSeen{{"main", "support", "999999", time.Now()}}); err != nil {
		t.Error(err)
	}
}

// Two nodes learn the same at the same time, in any order.
func TestQueues_TwoNodesLearnTheSame(t *testing.T) {
	a := newStore(t)
	b := NewStore(a.db, a.config)
	var nodes sync.WaitGroup
	var errs [2]error
	for n, s := range []*Store{a, b} {
		nodes.Go(func() {
			for i := range 30 {
				var seen []QueueSeen
				for q := range 8 {
					seen = append(seen, QueueSeen{"main", "queue" + itoa((q+n)%8), itoa(600 + i), time.Now()})
				}
				if n == 1 {
					slices.Reverse(seen)
				}
				errs[n] = errors.Join(errs[n], s.db.InTx(t.Context(), func(tx pgx.Tx) error { return s.LearnQueues(t.Context(), tx, seen) }))
			}
		})
	}
	nodes.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	list := must(a.Queues(t.Context(), System, QueueFilter{}))(t)
	if len(list) != 8 {
		t.Errorf("%d queues", len(list))
	}
	for _, q := range list {
		sorted := slices.Compact(slices.Sorted(slices.Values(q.Numbers)))
		if len(q.Numbers) != 30 || len(sorted) != 30 {
			t.Errorf("%s: numbers %v", q.Name, q.Numbers)
		}
	}
}

// What people say counts, learning leaves it, and it can be taken back.
func TestQueues_CorrectedStaysCorrected(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	boss := agent(t, s, AgentInput{Username: "boss", Role: RoleAdmin}).actor()
	team := must(s.CreateTeam(ctx, System, TeamInput{Name: "Support"}))(t)
	learn(t, s, QueueSeen{"main", "600", "+982191001234", time.Now()})
	id := QueueID("main", "600")
	q := must(s.UpdateQueue(ctx, boss, id, QueuePatch{
		Version: ptr(1), Label: ptr(" پشتیبانی "), Numbers: ptr([]string{"021 9100 5678", "02191005678", "600"}), ServiceLevelS: ptr(30),
		ServiceLevelPercent: ptr(90), WrapUpS: ptr(15), Script: ptr("سلام\nچطور کمک کنم؟"), TeamID: &team.ID,
	}))(t)
	if q.Label != "پشتیبانی" || !slices.Equal(q.Numbers, []string{"+982191005678", "600"}) || q.ServiceLevelS != 30 || q.ServiceLevelPercent != 90 ||
		q.WrapUp() != 15*time.Second || q.Script != "سلام\nچطور کمک کنم؟" || q.TeamID == nil || *q.TeamID != team.ID || q.Version != 2 {
		t.Errorf("said: %+v", q)
	}
	var fields []string
	for _, said := range q.Said {
		fields = append(fields, said.Field)
		if said.By != "boss" || time.Since(said.At) > time.Minute {
			t.Errorf("%+v", said)
		}
	}
	if !slices.Equal(fields, []string{"label", "numbers", "service_level_s"}) {
		t.Errorf("said %v", fields)
	}
	learn(t, s, QueueSeen{"main", "600", "601", time.Now()})
	s.HearQueue(QueueTold{PBX: "main", Name: "600", Strategy: "rrmemory", ServiceLevel: time.Minute})
	if err := s.learnHeard(ctx); err != nil {
		t.Fatal(err)
	}
	q = queue(t, s, "main", "600")
	if q.Label != "پشتیبانی" || !slices.Equal(q.Numbers, []string{"+982191005678", "600"}) || q.ServiceLevelS != 30 || q.Strategy != "rrmemory" || q.Version != 2 {
		t.Errorf("after learning: %+v", q)
	}
	if !slices.Equal(q.Learned.Numbers, []string{"+982191001234", "601"}) || q.Learned.ServiceLevelS == nil || *q.Learned.ServiceLevelS != 60 {
		t.Errorf("learned: %+v", q.Learned)
	}
	if _, err := s.UpdateQueue(ctx, boss, id, QueuePatch{Version: ptr(1), Label: ptr("x")}); !errors.Is(err, ErrConflict) {
		t.Errorf("an old version: %v", err)
	}

	q = must(s.UpdateQueue(ctx, boss, id, QueuePatch{
		Learned: []string{"label", "numbers", "service_level_s"}, ServiceLevelPercent: ptr(0), TeamID: &uuid.Nil, Archived: ptr(true),
	}))(t)
	if q.Label != "600" || !slices.Equal(q.Numbers, []string{"+982191001234", "601"}) || q.ServiceLevelS != 60 || q.ServiceLevelPercent != 80 ||
		len(q.Said) != 0 || q.TeamID != nil || q.ArchivedAt == nil || q.WrapUpS != 15 {
		t.Errorf("taken back: %+v", q)
	}
	if live := must(s.Queues(ctx, System, QueueFilter{}))(t); len(live) != 0 {
		t.Errorf("archived, and listed: %+v", live)
	}
	if old := must(s.Queues(ctx, System, QueueFilter{Archived: true}))(t); len(old) != 1 {
		t.Errorf("archived: %+v", old)
	}
	if d := s.Directory().Queue("main", "600"); d == nil || d.Label != "600" || s.Directory().QueueByID(id) != d || len(s.Directory().Queues()) != 1 {
		t.Errorf("in memory: %+v", d)
	}
	entries := must(s.Audit(ctx, System, "queue", id.String()))(t)
	if len(entries) != 2 || entries[0].Actor != "boss" || !strings.Contains(string(entries[1].Changes), "پشتیبانی") {
		t.Errorf("audit: %+v", entries)
	}
}

func TestQueues_BadPatch(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	learn(t, s, QueueSeen{"main", "600", "", time.Now()})
	id := QueueID("main", "600")
	_, err := s.UpdateQueue(ctx, System, id, QueuePatch{
		Label: ptr(" "), Numbers: ptr([]string{"600", "anonymous", "sip:x@y", ""}), ServiceLevelS: ptr(0), ServiceLevelPercent: ptr(101), WrapUpS: ptr(-1),
		Script: ptr(strings.Repeat("a", maxScript+1)), Learned: []string{"label", "pbx"},
	})
	wantFields(t, err, "label", "numbers[1]", "numbers[2]", "numbers[3]", "service_level_s", "service_level_percent", "wrap_up_s", "script", "learned[1]")
	_, err = s.UpdateQueue(ctx, System, id, QueuePatch{Numbers: ptr(make([]string, maxQueueNumbers+1))})
	wantFields(t, err, "numbers")
	_, err = s.UpdateQueue(ctx, System, id, QueuePatch{TeamID: ptr(uuid.New())})
	wantFields(t, err, "team_id")
	_, err = s.UpdateQueue(ctx, System, uuid.New(), QueuePatch{Label: ptr("x")})
	wantIs(t, err, ErrNotFound)
	_, err = s.Queues(ctx, System, QueueFilter{Q: strings.Repeat("x", 201)})
	wantFields(t, err, "q")
	for _, role := range []Role{RoleAgent, RoleSales, RoleSupervisor, ""} {
		_, err = s.UpdateQueue(ctx, Actor{Role: role}, id, QueuePatch{Label: ptr("x")})
		wantIs(t, err, ErrForbidden)
	}
	_, err = s.Queues(ctx, Actor{}, QueueFilter{})
	wantIs(t, err, ErrForbidden)
	if q := queue(t, s, "main", "600"); q.Version != 1 || q.Label != "600" {
		t.Errorf("a refused change was saved: %+v", q)
	}
}

// A queue that the exchange has no more is said to be gone, and stays for the log; a call that comes to it later shows that
// it is there.
func TestQueues_GoneAndBack(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	hear := func(told QueueTold) {
		t.Helper()
		s.HearQueue(told)
		if err := s.learnHeard(ctx); err != nil {
			t.Fatal(err)
		}
	}
	refreshed(t, s)
	hear(QueueTold{PBX: "main", Name: "never", Gone: true})
	hear(QueueTold{PBX: "main", Name: "support", Strategy: "ringall", ServiceLevel: 45 * time.Second})
	q := queue(t, s, "main", "support")
	if q.Strategy != "ringall" || q.ServiceLevelS != 45 || q.GoneAt != nil || q.Version != 1 {
		t.Errorf("heard: %+v", q)
	}
	if list := must(s.Queues(ctx, System, QueueFilter{}))(t); len(list) != 1 {
		t.Errorf("%+v", list)
	}
	hear(QueueTold{PBX: "main", Name: "support", Gone: true})
	if q = queue(t, s, "main", "support"); q.GoneAt == nil || q.Strategy != "ringall" || q.ServiceLevelS != 45 {
		t.Errorf("gone: %+v", q)
	}
	learn(t, s, QueueSeen{"main", "support", "", q.GoneAt.Add(-time.Hour)}) // from the spool: it was there then
	if again := queue(t, s, "main", "support"); again.GoneAt == nil || !again.GoneAt.Equal(*q.GoneAt) {
		t.Errorf("an old call brought it back: %+v", again)
	}
	learn(t, s, QueueSeen{"main", "support", "", q.GoneAt.Add(time.Second)})
	if q = queue(t, s, "main", "support"); q.GoneAt != nil {
		t.Errorf("still gone: %+v", q)
	}
	refreshed(t, s)
	hear(QueueTold{PBX: "main", Name: "support", Gone: true})
	hear(QueueTold{PBX: "main", Name: "Support"}) // back, with another strategy and without a service level
	if q = queue(t, s, "main", "support"); q.GoneAt != nil || q.Strategy != "" || q.ServiceLevelS != 20 {
		t.Errorf("back: %+v", q)
	}
}

// Run writes what was heard; what is known already is not even remembered.
func TestQueues_HeardByRun(t *testing.T) {
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	changed := make(chan struct{}, 100)
	s.Directory().OnChange(func() { changed <- struct{}{} })
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	told := QueueTold{PBX: "main", Name: "support", Strategy: "fewestcalls"}
	s.HearQueue(told)
	for s.Directory().Queue("main", "support") == nil {
		<-changed
	}
	s.HearQueue(told)
	s.hearing.Lock()
	defer s.hearing.Unlock()
	if len(s.heard) != 0 {
		t.Errorf("remembered: %v", s.heard)
	}
}

func TestQueues_TeamThatIsArchived(t *testing.T) {
	s := newStore(t)
	team := must(s.CreateTeam(t.Context(), System, TeamInput{Name: "Support"}))(t)
	learn(t, s, QueueSeen{"main", "600", "", time.Now()})
	must(s.UpdateQueue(t.Context(), System, QueueID("main", "600"), QueuePatch{TeamID: &team.ID}))(t)
	must(s.ArchiveTeam(t.Context(), System, team.ID))(t)
	if q := queue(t, s, "main", "600"); q.TeamID != nil || q.Version != 3 {
		t.Errorf("%+v", q)
	}
}
