package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
	"ringbook/pbx/ami"
)

const (
	echoTime  = 2 * time.Second // within which the queues show what they were told
	againTime = 3 * time.Second // after a failure
	askTime   = 5 * time.Second // that one agent may take, beside the echo
)

// Why the queues do not follow an agent's state, as the API tells it.
const (
	syncAMINeeded = "ami_needed"
	syncAMIAway   = "ami_away"
	syncAMIDenied = "ami_denied"
	syncNoQueue   = "no_queue"
	syncPartly    = "partly_paused"
	syncNot       = "not_followed"
)

// inStep keeps the agents' states and one exchange's queues in step, where this node leads the exchange; where it does not it
// only knows what the queues say. See instep_decide.go.
type inStep struct {
	exchange *pbx.Exchange
	store    *crm.Store
	leases   *db.Leases
	log      *slog.Logger
	changed  func(agent uuid.UUID) // what synced says may be another; it must not block
	wake     chan struct{}         // capacity one

	mu     sync.Mutex                 // guards what follows
	facts  map[string]map[place]fact  // by extension
	queues map[string]map[string]bool // the extensions of each queue
	dirty  map[uuid.UUID]bool         // to be looked at; uuid.Nil: everybody
	echo   *echo                      // what is waited for; nil: nothing
	failed map[uuid.UUID]time.Time    // when to try again
}

// place is a phone in a queue.
type place struct{ queue, iface string }

// fact is what a queue says of a phone.
type fact struct {
	side
	since time.Time // since when it has been in the queue, by the PBX's clock; zero: not told
}

// echo is what the queues will show of an agent's extensions.
type echo struct {
	extensions []string
	side
	seen chan struct{} // closed when they do
}

// newInStep joins an exchange; before its Run.
func newInStep(exchange *pbx.Exchange, store *crm.Store, leases *db.Leases, log *slog.Logger) *inStep {
	s := &inStep{
		exchange: exchange, store: store, leases: leases, log: log.With("pbx", exchange.Name()), changed: func(uuid.UUID) {},
		wake: make(chan struct{}, 1), facts: map[string]map[place]fact{}, queues: map[string]map[string]bool{},
		dirty: map[uuid.UUID]bool{}, failed: map[uuid.UUID]time.Time{},
	}
	exchange.OnQueue(func(_ context.Context, q pbx.Queue) { s.hear(q) })
	store.States().OnChange(s.look)
	store.Directory().OnChange(func() { s.look(uuid.Nil) })
	return s
}

// look has an agent looked at, uuid.Nil: everybody. It does not block.
func (s *inStep) look(agent uuid.UUID) {
	s.mu.Lock()
	s.dirty[agent] = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // Run will look anyway
	}
}

// hear takes a new picture of a queue. It does not block.
func (s *inStep) hear(q pbx.Queue) {
	s.mu.Lock()
	touched := map[string]bool{}
	now := map[string]bool{}
	if q.Known && !q.Gone {
		for _, m := range q.Members {
			if m.Extension == "" {
				continue
			}
			now[m.Extension] = true
			at, f := place{q.Name, m.Interface}, fact{side{m.Paused, m.Reason}, m.LoginAt}
			if before, known := s.facts[m.Extension][at]; !known || before != f {
				if s.facts[m.Extension] == nil {
					s.facts[m.Extension] = map[place]fact{}
				}
				s.facts[m.Extension][at] = f
				touched[m.Extension] = true
			}
		}
	}
	for extension := range s.queues[q.Name] {
		for at := range s.facts[extension] {
			if at.queue == q.Name && !hasMember(&q, at.iface, now[extension]) {
				delete(s.facts[extension], at)
				touched[extension] = true
			}
		}
		if len(s.facts[extension]) == 0 {
			delete(s.facts, extension)
		}
	}
	s.queues[q.Name] = now
	if q.Gone {
		delete(s.queues, q.Name)
	}
	if s.echo != nil && s.shows(s.echo, true) {
		close(s.echo.seen)
		s.echo = nil
	}
	s.mu.Unlock()
	for extension := range touched {
		if a, ok := s.store.Directory().ByExtension(s.exchange.Name(), extension); ok {
			s.look(a.ID)
			s.changed(a.ID)
		}
	}
}

func hasMember(q *pbx.Queue, iface string, any bool) bool {
	if !any {
		return false
	}
	for i := range q.Members {
		if q.Members[i].Interface == iface {
			return true
		}
	}
	return false
}

// shows tells whether the queues show it, with the reason or whatever that is. Callers hold s.mu.
func (s *inStep) shows(e *echo, reason bool) bool {
	for _, extension := range e.extensions {
		for _, f := range s.facts[extension] {
			if f.paused != e.paused || reason && f.paused && f.reason != e.reason {
				return false
			}
		}
	}
	return true
}

// heard is what the queues say of an agent, whose newest member had joined at some time when that was last agreed on.
func (s *inStep) heard(extensions []string, before time.Time) heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	var h heard
	first := true
	for _, extension := range extensions {
		for _, f := range s.facts[extension] {
			h.members++
			if f.since.After(h.joined) {
				h.joined = f.since
			}
			switch {
			case !f.paused:
				if f.since.After(before) {
					h.newer++
				}
				continue
			case first:
				h.reason = f.reason
			case h.reason != f.reason:
				h.reason = ""
			}
			first = false
			h.paused++
		}
	}
	return h
}

// extensions are those of an agent on this exchange.
func (s *inStep) extensions(a crm.AgentRef) []string {
	var list []string
	for _, e := range a.Extensions {
		number, at, _ := strings.Cut(e, "@")
		if at != "" && at != s.exchange.Name() {
			continue
		}
		if owner, ok := s.store.Directory().ByExtension(s.exchange.Name(), number); ok && owner.ID == a.ID {
			list = append(list, number)
		}
	}
	return list
}

// Run keeps in step until ctx ends; it returns nil. The database must be migrated.
func (s *inStep) Run(ctx context.Context) error {
	s.look(uuid.Nil)
	for ctx.Err() == nil {
		wait := s.round(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// round looks at everybody who is to be looked at, and says for how long nobody will be.
func (s *inStep) round(ctx context.Context) time.Duration {
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = map[uuid.UUID]bool{}
	wait := time.Hour
	for agent, at := range s.failed {
		if left := time.Until(at); left > 0 {
			wait = min(wait, left)
			continue
		}
		delete(s.failed, agent)
		dirty[agent] = true
	}
	s.mu.Unlock()
	health, configured := s.exchange.AMI()
	epoch, leads := s.leases.Epoch(s.exchange.Name())
	if !configured || !health.Live || !leads {
		return wait // its coming back changes pictures of queues, or is told by the lease
	}
	if _, known := s.exchange.Queues(); !known {
		return wait
	}
	if dirty[uuid.Nil] {
		for _, a := range s.store.Directory().Agents() {
			dirty[a.ID] = true
		}
		delete(dirty, uuid.Nil)
	}
	for agent := range maps.Keys(dirty) {
		if ctx.Err() != nil {
			return 0
		}
		a, live := s.store.Directory().Agent(agent)
		if !live {
			continue
		}
		if err := s.keep(ctx, a, epoch, health.Rights); err != nil {
			s.mu.Lock()
			s.failed[agent] = time.Now().Add(againTime)
			s.mu.Unlock()
			wait = min(wait, againTime)
			s.log.DebugContext(ctx, "an agent's state and the queues are not in step yet", "agent", agent, "err", err)
		}
	}
	return wait
}

// errNoEcho says that the queues do not show what they were told.
var errNoEcho = errors.New("the queues do not show it")

// keep does for one agent what is to be done. An error means: again, later.
func (s *inStep) keep(ctx context.Context, a crm.AgentRef, epoch int64, rights ami.Rights) error {
	extensions := s.extensions(a)
	base, _ := s.store.States().Follow(a.ID, s.exchange.Name())
	choice := s.store.States().Standing(a.ID).Choice
	want, h := wanted(choice), s.heard(extensions, base.Joined)
	if choice.By == crm.ByPhone && want.paused && base.Paused {
		want.reason = base.Reason // its own words
	}
	have, _ := h.side()
	in := crm.PhoneInput{Agent: a.ID, PBX: s.exchange.Name(), Epoch: epoch, Choice: choice, Paused: want.paused, Reason: want.reason, Joined: h.joined}
	switch decide(side{base.Paused, base.Reason}, want, choice.State == crm.Offline, h) {
	case agree:
		if base.Paused == in.Paused && base.Reason == in.Reason && base.Problem == "" && (!in.Paused || base.Joined.Equal(in.Joined)) {
			return nil
		}
	case adopt:
		in.Paused, in.Reason, in.Changes = have.paused, have.reason, true
		s.log.InfoContext(ctx, "an agent's state follows the phone", "agent", a.ID, "paused", in.Paused)
	case push:
		err := s.push(ctx, extensions, want, rights)
		problem := ""
		switch {
		case err == nil:
		case errors.Is(err, ami.ErrDenied):
			problem = syncAMIDenied
		case errors.Is(err, errNoEcho):
			problem = syncNot
		default:
			return err // away: it is pushed when it is back; it has left the queues: there will be another picture
		}
		if problem != "" {
			if base.Problem == problem {
				return err
			}
			s.log.WarnContext(ctx, "the exchange's queues do not follow an agent's state", "agent", a.ID, "err", err)
			in.Paused, in.Reason, in.Joined, in.Problem = base.Paused, base.Reason, base.Joined, problem
		}
	default:
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	err := s.store.Heard(ctx, in)
	switch {
	case errors.Is(err, db.ErrFenced):
		s.leases.Doubt()
		return nil // the other node does it
	case errors.Is(err, crm.ErrConflict):
		s.look(a.ID) // somebody chose meanwhile
		return nil
	case errors.Is(err, crm.ErrNotFound):
		return nil // archived
	}
	if err == nil && in.Problem != "" {
		return errNoEcho // again, later
	}
	return err
}

// push tells the queues, and waits until they show it: until then, what they say would be taken for a change at the phone.
func (s *inStep) push(ctx context.Context, extensions []string, want side, rights ami.Rights) error {
	if !rights.Can("QueuePause") {
		return &ami.Error{Action: "QueuePause", Err: ami.ErrDenied, Right: ami.RightOf("QueuePause")}
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	e := &echo{extensions, want, make(chan struct{})}
	s.mu.Lock()
	if s.echo = e; s.shows(e, true) { // those who differed have left the queues
		close(e.seen)
		s.echo = nil
	}
	s.mu.Unlock()
	for _, extension := range extensions {
		if err := s.exchange.Pause(ctx, extension, want.paused, want.reason); err != nil && !errors.Is(err, pbx.ErrNoMember) {
			return err
		}
	}
	timer := time.NewTimer(echoTime)
	defer timer.Stop()
	select {
	case <-e.seen:
		return nil
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.shows(e, false) {
		return errNoEcho
	}
	return nil // it has words of its own for reasons
}

// synced says why the queues do not follow an agent's state; empty: they do. ok is false where the agent has no phone here.
func (s *inStep) synced(a crm.AgentRef) (why string, ok bool) {
	extensions := s.extensions(a)
	if len(extensions) == 0 {
		return "", false
	}
	choice := s.store.States().Standing(a.ID).Choice
	want := wanted(choice)
	health, configured := s.exchange.AMI()
	base, _ := s.store.States().Follow(a.ID, s.exchange.Name())
	h := s.heard(extensions, base.Joined)
	switch {
	case !configured && want.paused:
		return syncAMINeeded, true
	case !configured:
		return "", true
	case !health.Live && want.paused:
		return syncAMIAway, true
	case !health.Live:
		return "", true
	case h.members == 0 && want.paused:
		return syncNoQueue, true
	case h.members == 0:
		return "", true
	case h.paused > 0 && h.paused < h.members:
		return syncPartly, true
	case (h.paused > 0) == want.paused:
		return "", true
	case base.Problem != "":
		return base.Problem, true
	case time.Since(choice.Since) > echoTime+againTime:
		return syncNot, true
	}
	return "", true
}

// syncedOf says it for all exchanges: the first reason counts.
func syncedOf(all []*inStep, directory *crm.Directory, agent uuid.UUID) string {
	a, live := directory.Agent(agent)
	if !live {
		return ""
	}
	for _, s := range all {
		if why, _ := s.synced(a); why != "" {
			return why
		}
	}
	return ""
}
