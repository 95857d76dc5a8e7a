package crm

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// State is what an agent is doing. Available, Paused and Offline are chosen (Choice), the others follow from calls.
type State string

const (
	Available State = "available"
	Ringing   State = "ringing"
	Talking   State = "talking" // or holding, or dialling out
	WrapUp    State = "wrap_up" // the time after an answered call
	Paused    State = "paused"
	Offline   State = "offline"
)

// SetBy says who chose an agent's state.
type SetBy string

const (
	ByDesk       SetBy = "desk"       // the agent, in the browser, also by logging in or out
	ByPhone      SetBy = "phone"      // the agent's phone, or another program, in the exchange's queues
	BySupervisor SetBy = "supervisor" // somebody else in the browser
	BySystem     SetBy = "system"     // nobody yet
)

// Choice is what an agent chose to be, or somebody for them.
type Choice struct {
	AgentID  uuid.UUID
	State    State      // Available, Paused or Offline
	ReasonID *uuid.UUID // of a pause; nil: none, or one that the exchange has in words
	Reason   string     // in words; empty: none
	ReasonEN string     // the same in English, if there is a word for it
	Since    time.Time  // by the database's clock; zero: the agent never chose
	By       SetBy
}

// AfterCall is the wrap-up of one answered call of an agent.
type AfterCall struct {
	AgentID uuid.UUID
	Call    uuid.UUID
	Leg     string
	From    time.Time // the end of the leg
	Until   time.Time // when it ends by itself, by this node's clock
	EndedAt time.Time // when the agent ended it; zero: not
}

// WrapUpMost is how long a wrap-up lasts that nobody ends and for which no time is set: somebody who answers without a
// browser is not in it for ever.
const WrapUpMost = time.Hour

// active says whether the agent is in it now.
func (w AfterCall) active(now time.Time) bool {
	return w.Call != uuid.Nil && w.EndedAt.IsZero() && now.Before(w.Until)
}

// end is when it was over, or will be.
func (w AfterCall) end() time.Time {
	if !w.EndedAt.IsZero() && w.EndedAt.Before(w.Until) {
		return w.EndedAt
	}
	return w.Until
}

// Standing is what is known of an agent's state beside the calls that go on.
type Standing struct {
	Choice
	After AfterCall // the last wrap-up; the zero value: none
}

// At is the state at a moment at which no call goes on, and since when.
func (s Standing) At(now time.Time) (State, time.Time) {
	switch {
	case s.State == Offline:
	case s.After.active(now):
		return WrapUp, s.After.From
	case s.After.Call != uuid.Nil && s.After.end().After(s.Since):
		return s.State, s.After.end()
	}
	return s.State, s.Since
}

// Follow is on what an agent's choice and the queues of one exchange last agreed.
type Follow struct {
	Paused  bool
	Reason  string // as the exchange has it
	Problem string // why the exchange does not follow; empty: it does
	// Joined is when the newest of the agent's members had joined its queue, by the exchange's clock; zero: it did not say.
	Joined time.Time
}

// maxWaiting bounds the wrap-ups that wait for the database.
const maxWaiting = 10_000

// States knows in memory what every agent chose, and who is in wrap-up. Reads take no database; they are of the last
// change that this node was told of. Empty until the first refresh: everybody counts as available.
type States struct {
	store *Store
	reads sync.Mutex // one reading of the database at a time, so that an older one never replaces a newer one

	mu      sync.RWMutex // guards what follows
	choices map[uuid.UUID]Choice
	wraps   map[uuid.UUID]AfterCall         // the last of each agent
	follows map[uuid.UUID]map[string]Follow // by exchange; the inner maps are never changed
	waiting []waitingWrapUp                 // not in the database yet, oldest first
	told    map[uuid.UUID]time.Time         // the end of which wrap-up was told last

	wake    chan struct{} // capacity one: Run has something to do
	changed hooks[uuid.UUID]
	lost    metric.Int64Counter
}

// waitingWrapUp is one that is to be written.
type waitingWrapUp struct {
	AfterCall
	began time.Time // our clock when it began, which may not be the exchange's
	lasts time.Duration
}

func newStates(s *Store) *States {
	// An instrument with a constant, valid name: the error says only that a name is bad.
	lost, _ := otel.Meter("ringbook/crm").Int64Counter("ringbook.wrapup.lost",
		metric.WithDescription("Wrap-ups that were not kept: the database was away for too long, or refused them."))
	return &States{
		store: s, choices: map[uuid.UUID]Choice{}, wraps: map[uuid.UUID]AfterCall{}, follows: map[uuid.UUID]map[string]Follow{},
		told: map[uuid.UUID]time.Time{}, wake: make(chan struct{}, 1), lost: lost,
	}
}

// States is the store's; the same one for ever.
func (s *Store) States() *States { return s.states }

// Standing is what is known of an agent.
func (s *States) Standing(agent uuid.UUID) Standing {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Standing{s.choice(agent), s.wraps[agent]}
}

// choice is an agent's; callers hold s.mu.
func (s *States) choice(agent uuid.UUID) Choice {
	c, ok := s.choices[agent]
	if !ok {
		c = Choice{AgentID: agent, State: Available, By: BySystem}
	}
	return c
}

// Follow is on what the agent's choice and an exchange's queues last agreed; false: on nothing yet.
func (s *States) Follow(agent uuid.UUID, pbx string) (Follow, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, ok := s.follows[agent][pbx]
	return f, ok
}

// OnChange calls f with every agent of whom something has changed, uuid.Nil: perhaps of all; f must not block. stop takes
// f off.
func (s *States) OnChange(f func(agent uuid.UUID)) (stop func()) { return s.changed.add(f) }

// BeginWrapUp says that an answered call of an agent has just ended. It counts at once and is written by Run; it does not
// block and calls no hook. lasts is how long it lasts at most; 0: WrapUpMost.
func (s *States) BeginWrapUp(w AfterCall, lasts time.Duration) {
	if lasts <= 0 {
		lasts = WrapUpMost
	}
	now := time.Now()
	w.Until = now.Add(lasts)
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.wraps[w.AgentID]
	if s.choice(w.AgentID).State == Offline || known.Call == w.Call && known.Leg == w.Leg {
		return // nobody is at the desk; or the other node has told of it
	}
	s.wraps[w.AgentID] = w
	if len(s.waiting) == maxWaiting {
		s.waiting = s.waiting[1:]
		s.lost.Add(context.Background(), 1)
	}
	s.waiting = append(s.waiting, waitingWrapUp{w, now, lasts})
	s.nudge()
}

func (s *States) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // Run will look anyway
	}
}

// Run writes wrap-ups and tells of their ends, until ctx ends. The database must be migrated. It survives the database's
// absence, and returns nil. It is called once.
func (s *States) Run(ctx context.Context) error {
	const slowest = 5 * time.Second
	pause := time.Duration(0)
	for ctx.Err() == nil {
		wait := s.tellEnds(time.Now())
		if err := s.write(ctx); err != nil {
			pause = min(max(2*pause, 250*time.Millisecond), slowest)
			wait = min(wait, pause)
			s.store.log.DebugContext(ctx, "crm: a wrap-up cannot be written yet", "err", err)
		} else {
			pause = 0
		}
		timer := time.NewTimer(wait)
		var wake <-chan struct{}
		if pause == 0 {
			wake = s.wake
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// tellEnds tells of the wrap-ups whose time is over, and says for how long there is no other.
func (s *States) tellEnds(now time.Time) time.Duration {
	wait := time.Hour
	var over []uuid.UUID
	s.mu.Lock()
	for agent, w := range s.wraps {
		switch {
		case !w.EndedAt.IsZero() || s.told[agent].Equal(w.Until):
		case w.active(now):
			wait = min(wait, w.Until.Sub(now))
		default:
			s.told[agent] = w.Until
			over = append(over, agent)
		}
	}
	s.mu.Unlock()
	for _, agent := range over {
		s.changed.call(agent)
	}
	return wait
}

// load reads what the database has of some agents, nil: of all, and tells of what is different.
func (s *States) load(ctx context.Context, agents []uuid.UUID) error {
	s.reads.Lock()
	different, err := s.read(ctx, agents)
	s.reads.Unlock()
	if err != nil {
		return wrap(err, "read the agents' states")
	}
	for _, agent := range different {
		s.changed.call(agent)
	}
	if len(different) > 0 {
		s.nudge() // a wrap-up may end earlier than those known
	}
	return nil
}

// read is load without telling. Callers hold s.reads.
func (s *States) read(ctx context.Context, agents []uuid.UUID) (different []uuid.UUID, err error) {
	choices, wraps, follows := map[uuid.UUID]Choice{}, map[uuid.UUID]AfterCall{}, map[uuid.UUID]map[string]Follow{}
	pool := s.store.db.Pool()
	rows, err := pool.Query(ctx, choiceSQL+` WHERE c.until_at IS NULL AND ($1::uuid[] IS NULL OR c.agent_id = ANY($1))`, agents)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Choice])
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		choices[c.AgentID] = c
	}
	rows, err = pool.Query(ctx, `
		SELECT w.agent_id, w.call_id, w.leg_id, w.from_at, w.ended_at, extract(epoch FROM w.until_at - clock_timestamp())::float8
		  FROM agent a CROSS JOIN LATERAL (
			SELECT * FROM agent_wrap_up w WHERE w.agent_id = a.id ORDER BY w.from_at DESC LIMIT 1) w
		 WHERE a.archived_at IS NULL AND ($1::uuid[] IS NULL OR a.id = ANY($1))`, agents)
	if err != nil {
		return nil, err
	}
	var w AfterCall
	var ended *time.Time
	var left float64
	now := time.Now()
	_, err = pgx.ForEachRow(rows, []any{&w.AgentID, &w.Call, &w.Leg, &w.From, &ended, &left}, func() error {
		w.Until, w.EndedAt = now.Add(time.Duration(left*float64(time.Second))), time.Time{}
		if ended != nil {
			w.EndedAt = *ended
		}
		wraps[w.AgentID] = w
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows, err = pool.Query(ctx, `
		SELECT agent_id, pbx, paused, reason, problem, coalesce(joined, '0001-01-01T00:00:00Z') FROM agent_follow WHERE $1::uuid[] IS NULL OR agent_id = ANY($1)`, agents)
	if err != nil {
		return nil, err
	}
	var agent uuid.UUID
	var pbx string
	var f Follow
	_, err = pgx.ForEachRow(rows, []any{&agent, &pbx, &f.Paused, &f.Reason, &f.Problem, &f.Joined}, func() error {
		if follows[agent] == nil {
			follows[agent] = map[string]Follow{}
		}
		follows[agent][pbx] = f
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.take(agents, choices, wraps, follows), nil
}

// take makes what was read what is known, and returns of whom that is different.
func (s *States) take(agents []uuid.UUID, choices map[uuid.UUID]Choice, wraps map[uuid.UUID]AfterCall, follows map[uuid.UUID]map[string]Follow,
) (different []uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.waiting { // what the database does not have yet counts
		if w.From.After(wraps[w.AgentID].From) {
			wraps[w.AgentID] = w.AfterCall
		}
	}
	if agents == nil {
		all := map[uuid.UUID]bool{}
		note(all, s.choices, choices)
		note(all, s.wraps, wraps)
		note(all, s.follows, follows)
		agents = slices.Collect(maps.Keys(all))
	}
	for _, agent := range agents {
		c, chose := choices[agent]
		w, wrapped := wraps[agent]
		if same(s.choices[agent], c) && sameWrapUp(s.wraps[agent], w) && maps.Equal(s.follows[agent], follows[agent]) {
			continue
		}
		different = append(different, agent)
		put(s.choices, agent, c, chose)
		put(s.wraps, agent, w, wrapped)
		put(s.follows, agent, follows[agent], follows[agent] != nil)
	}
	return different
}

// note notes whose the entries of some maps are.
func note[V any](all map[uuid.UUID]bool, from ...map[uuid.UUID]V) {
	for _, m := range from {
		for agent := range m {
			all[agent] = true
		}
	}
}

func put[V any](m map[uuid.UUID]V, agent uuid.UUID, v V, there bool) {
	if there {
		m[agent] = v
	} else {
		delete(m, agent)
	}
}

func same(a, b Choice) bool {
	return sameID(a.ReasonID, b.ReasonID) && a.Since.Equal(b.Since) && a.State == b.State && a.By == b.By && a.Reason == b.Reason && a.ReasonEN == b.ReasonEN
}

func sameID(a, b *uuid.UUID) bool { return a == b || a != nil && b != nil && *a == *b }

// sameWrapUp compares but for Until, which is reckoned anew with every reading.
func sameWrapUp(a, b AfterCall) bool {
	return a.Call == b.Call && a.Leg == b.Leg && a.From.Equal(b.From) && a.EndedAt.Equal(b.EndedAt)
}
