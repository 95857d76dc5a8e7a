package screenpop

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// Patience is how long the first picture of a call waits for its look-up.
const Patience = 3 * time.Millisecond

// Linger is how long a desk that merely rang shows who took the call.
const Linger = 5 * time.Second

// BoardConfig says whom a Board asks. Match, Directory and States are required.
type BoardConfig struct {
	// Match names the customer of a caller. It may block; it is called by Run's workers only.
	Match func(context.Context, crm.Query) (crm.Match, error)
	// History tells the last calls and the note; nil: pops have neither.
	History History
	// FollowUps tells what is to be done; nil: desks and pops have none.
	FollowUps FollowUps
	// Directory names the agent behind an extension. It must not block.
	Directory Directory
	// States tells what agents chose, and is told when they have finished a call.
	States States
	// Synced says why the exchanges' queues do not follow an agent's choice; nil: they do. It must not block.
	Synced func(agent uuid.UUID) string
	// WrapUp is how long the wrap-up of a queue's call lasts; nil, or 0: nobody says. It must not block.
	WrapUp func(pbx, queue string) time.Duration
	// Normalise parses a number as the exchange gave it; nil: numbers are shown as given. It must not block.
	Normalise func(pbx, trunk, raw string) crm.Number
	// Lookups is how many look-ups run at a time; 0: 8.
	Lookups int
	Log     *slog.Logger // nil: nothing is logged
}

// Directory is what a Board must know about agents. *crm.Directory is one.
type Directory interface {
	ByExtension(pbx, extension string) (crm.AgentRef, bool)
	Agent(id uuid.UUID) (crm.AgentRef, bool)
	Agents() []crm.AgentRef
}

// History is what a Board asks the call log. Its methods may block; Run's workers call them.
type History interface {
	// LastCalls are the newest calls of any of the customers, or of the number when there are none, newest first.
	LastCalls(ctx context.Context, customers []uuid.UUID, number string, limit int) ([]PastCall, error)
	// Annotation is what people have written about a call; zero if nothing.
	Annotation(ctx context.Context, call uuid.UUID) (Annotation, error)
}

// Board holds what every desk should show. All methods may be called by several goroutines at once, and none of
// them waits for the database or a browser. See the package comment for what it guarantees.
type Board struct {
	cfg BoardConfig
	met *metrics

	mu      sync.Mutex              // guards all below; never held across I/O
	cards   map[uuid.UUID]*card     // calls that are live, or that a desk still shows
	desks   map[uuid.UUID]*desk     // agents with a pop or a watch
	jobs    map[crm.Query]*job      // look-ups queued, running or waiting to be tried again
	queue   []*job                  // jobs to be run, oldest first; at most one entry for each of jobs
	outage  outage                  // of the look-ups
	free    map[uuid.UUID]time.Time // when an agent's last call was over
	agendas map[uuid.UUID]*agenda   // of agents with a watch, of their teams, and (uuid.Nil) of anyone
	stopped bool
	changed func() // told of everything that a floor may show (Room); it takes no lock of the board's

	wake     chan struct{} // a token for each worker that should look at queue
	planning chan struct{} // capacity one: an agenda is to be read
}

// card is a call as the board knows it. Guarded by Board.mu.
type card struct {
	call           pbx.Call
	caller, dialed crm.Number
	pops           []*pop

	job      *job      // nil: no look-up is under way
	query    crm.Query // what was or is being asked
	lookedUp bool
	match    crm.Match
	history  []PastCall
	promises []FollowUp
	note     Annotation
	chosen   *crm.Match // the customer chosen for this very call, once looked up
	wantNote bool

	patience *time.Timer // nil before the first pop
	late     bool        // patience is over
	gone     bool        // off the board; whoever still holds it forgets it
}

// pop is a card on a desk. Guarded by Board.mu.
type pop struct {
	card      *card
	agent     uuid.UUID
	extension string
	exchange  string // that the extension is on
	state     PopState
	offeredAt time.Time
	since     time.Time   // in this state
	legAt     time.Time   // when the newest leg of this desk was offered
	linger    *time.Timer // set while the pop merely rang
}

// desk is an agent's place. Guarded by Board.mu.
type desk struct {
	agent      uuid.UUID
	pops       []*pop
	watches    []*Watch
	receivedAt time.Time
}

// NewBoard makes an empty board. Its look-ups begin when Run does.
func NewBoard(c BoardConfig) *Board {
	if c.Lookups <= 0 {
		c.Lookups = 8
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Normalise == nil {
		c.Normalise = func(_, _, raw string) crm.Number { return crm.Number{Raw: raw} }
	}
	return &Board{
		cfg:   c,
		met:   newMetrics(),
		cards: make(map[uuid.UUID]*card),
		desks: make(map[uuid.UUID]*desk),
		jobs:  make(map[crm.Query]*job),
		free:  make(map[uuid.UUID]time.Time),

		changed: func() {},
		wake:    make(chan struct{}, c.Lookups),

		agendas:  make(map[uuid.UUID]*agenda),
		planning: make(chan struct{}, 1),
	}
}

// Run makes the look-ups until ctx ends, then waits for those under way and stops all timers. The board still
// answers afterwards, but it is not looked after any more. Run is called once.
func (b *Board) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	for range b.cfg.Lookups {
		workers.Go(func() { b.work(ctx) })
	}
	workers.Go(func() { b.plan(ctx) })
	stop := observe(b)
	<-ctx.Done()
	stop()
	workers.Wait()

	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	for _, c := range b.cards {
		c.stopTimers()
	}
	for _, j := range b.jobs {
		j.stopTimer()
	}
	return nil
}

// Update shows a picture of a call on the desks it concerns. It does not block. A picture older than the one known
// is ignored, as is the end of a call that was never shown.
func (b *Board) Update(ctx context.Context, call pbx.Call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.cards[call.ID]
	switch {
	case c == nil && call.State == pbx.StateEnded:
		return
	case c == nil:
		c = &card{wantNote: b.cfg.History != nil && joinedLate(&call)}
		b.cards[call.ID] = c
	case call.Version <= c.call.Version, c.call.State == pbx.StateEnded && call.MergedInto == uuid.Nil:
		return
	}
	defer b.changed()
	if call.MergedInto != uuid.Nil {
		c.call = call
		b.fold(c)
		return
	}
	if c.call.Caller.Number != call.Caller.Number || c.call.Trunk != call.Trunk || c.call.Version == 0 {
		c.caller = b.cfg.Normalise(call.PBX, call.Trunk, call.Caller.Number)
	}
	if c.call.Dialed != call.Dialed || c.call.Trunk != call.Trunk || c.call.Version == 0 {
		c.dialed = b.cfg.Normalise(call.PBX, call.Trunk, call.Dialed)
	}
	c.call = call

	if q, ask := queryOf(&call); !ask {
		c.lookedUp = true
		c.match.Rule = crm.RuleNone
		if c.wantNote {
			b.ask(c, q)
		}
	} else if q != c.query || (c.job == nil && !c.lookedUp) {
		b.ask(c, q)
	}
	b.place(c)
	b.tell(c, call.ReceivedAt)
	b.drop(c)
}

// fold takes a call off all desks that turned out to be part of another, whose pictures bring it back where it belongs.
// Callers hold b.mu.
func (b *Board) fold(c *card) {
	for _, p := range c.pops { // remove makes a new slice; the one ranged over stays as it is
		b.remove(p)
		b.desk(p.agent).nudge(c.call.ReceivedAt)
		b.tidy(p.agent)
	}
	b.drop(c)
}

// joinedLate says that people may have written about the call before the board saw it.
func joinedLate(call *pbx.Call) bool {
	return call.Partial || time.Since(call.StartedAt) > 2*time.Second
}

// queryOf is what must be asked about a call's customer; false: nothing, as no customer takes part.
func queryOf(call *pbx.Call) (crm.Query, bool) {
	q := crm.Query{PBX: call.PBX, Trunk: call.Trunk, CustomerRef: call.CustomerRef}
	switch call.Direction {
	case pbx.Inbound:
		q.Raw, q.Withheld = call.Caller.Number, call.Caller.Withheld
	case pbx.Outbound:
		q.Raw = call.Dialed
	default:
		return q, call.CustomerRef != ""
	}
	return q, true
}

// place makes the pops of a card what the call's legs say. Callers hold b.mu.
func (b *Board) place(c *card) {
	var owners [16]uuid.UUID // of the legs; uuid.Nil: no agent's
	legs := c.call.Legs
	agents := owners[:0]
	for i := range legs {
		var id uuid.UUID
		if legs[i].Role == pbx.RoleAgent && legs[i].Extension != "" {
			if a, ok := b.cfg.Directory.ByExtension(c.call.Exchange(&legs[i]), legs[i].Extension); ok {
				id = a.ID
			}
		}
		agents = append(agents, id)
	}
	ended := c.call.State == pbx.StateEnded
	for i := range legs {
		if agents[i] == uuid.Nil || ended || !legs[i].EndedAt.IsZero() || c.popOf(agents[i]) != nil {
			continue
		}
		p := &pop{card: c, agent: agents[i], offeredAt: legs[i].OfferedAt}
		c.pops = append(c.pops, p)
		d := b.desk(p.agent)
		d.pops = append(d.pops, p)
		b.met.pops.Add(context.Background(), 1)
	}
	for _, p := range c.pops {
		b.settle(p, agents)
	}
}

// settle gives a pop the state that its agent's legs say; agents are the owners of the legs. Callers hold b.mu.
func (b *Board) settle(p *pop, agents []uuid.UUID) {
	var state PopState
	answered, last := false, pbx.Leg{} // the one that ended last, answered ones before others
	call := &p.card.call
	for i := range call.Legs {
		l := &call.Legs[i]
		if agents[i] != p.agent {
			continue
		}
		if better := !l.AnsweredAt.IsZero(); better && !answered || better == answered && !l.EndedAt.Before(last.EndedAt) {
			answered, last = better, *l
		}
		if call.State == pbx.StateEnded || !l.EndedAt.IsZero() {
			continue
		}
		if s := liveState(call, l); rank(s) > rank(state) {
			state, p.extension, p.exchange, p.legAt, p.since = s, l.Extension, call.Exchange(l), l.OfferedAt, l.OfferedAt
			if s != PopRinging && !calls(call, l) {
				p.since = l.AnsweredAt
			}
		}
	}
	switch {
	case state != "":
	case answered:
		state = PopEnded
	case !call.AnsweredAt.IsZero():
		state = PopElsewhere
	default:
		state = PopMissed
	}
	before := p.state
	p.state = state
	if before.live() && !state.live() {
		b.over(p, &last)
	}
	switch {
	case state == PopElsewhere || state == PopMissed:
		if p.linger == nil && !b.stopped {
			p.linger = time.AfterFunc(Linger, func() { b.expire(p) })
		}
	case p.linger != nil:
		p.linger.Stop()
		p.linger = nil
	}
	if state == PopEnded && before != PopEnded {
		b.desk(p.agent).finish(b, p)
	}
}

// liveState is the part that an agent's leg plays while it lasts.
func liveState(call *pbx.Call, l *pbx.Leg) PopState {
	switch {
	case calls(call, l) && call.AnsweredAt.IsZero():
		return PopDialing
	case l.AnsweredAt.IsZero():
		return PopRinging
	}
	held := call.State == pbx.StateHeld
	if n := len(l.Spans); n > 0 && l.Spans[n-1].To.IsZero() {
		held = l.Spans[n-1].Kind != pbx.SpanTalk // of this one: who asks a colleague talks while the customer waits
	}
	if held {
		return PopHeld
	}
	return PopTalking
}

// calls says that the leg is of an agent who calls, and is not called.
func calls(call *pbx.Call, l *pbx.Leg) bool {
	return call.Direction == pbx.Outbound ||
		call.Direction == pbx.Internal && l.Extension == call.Caller.Number && l.Extension == call.Legs[0].Extension &&
			call.Exchange(l) == call.Exchange(&call.Legs[0])
}

// over is told that a call has ended for an agent, with the leg that tells when. Callers hold b.mu.
func (b *Board) over(p *pop, last *pbx.Leg) {
	call := &p.card.call
	at := last.EndedAt
	if at.IsZero() {
		at = call.EndedAt
	}
	b.free[p.agent] = at
	if p.state != PopEnded {
		return
	}
	var lasts time.Duration
	if b.cfg.WrapUp != nil && call.Queue != "" {
		lasts = b.cfg.WrapUp(call.QueueExchange(), call.Queue)
	}
	b.cfg.States.BeginWrapUp(crm.AfterCall{AgentID: p.agent, Call: call.ID, Leg: last.ID, From: at}, lasts)
}

// rank orders the states of several legs of one agent: the greatest is the pop's.
func rank(s PopState) int {
	switch s {
	case PopTalking:
		return 4
	case PopHeld:
		return 3
	case PopRinging:
		return 2
	case PopDialing:
		return 1
	}
	return 0
}

// tell nudges the desks that show the card, unless the card's first picture still waits for its look-up. event is
// when the PBX's event behind the change was read; zero: none was. Callers hold b.mu.
func (b *Board) tell(c *card, event time.Time) {
	b.changed()
	if len(c.pops) == 0 {
		return
	}
	if !c.lookedUp && !c.late && !b.stopped {
		if c.patience == nil {
			c.patience = time.AfterFunc(Patience, func() { b.giveUpWaiting(c) })
		}
		return
	}
	for _, p := range c.pops {
		b.desk(p.agent).nudge(event)
	}
}

// giveUpWaiting shows a card whose look-up has taken longer than Patience.
func (b *Board) giveUpWaiting(c *card) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.gone || c.late || c.lookedUp {
		return
	}
	c.late = true
	b.tell(c, c.call.ReceivedAt)
}

// expire takes a pop that merely rang off its desk.
func (b *Board) expire(p *pop) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.linger == nil || p.card.gone {
		return // it rings again, or is gone already
	}
	b.remove(p)
	b.desk(p.agent).nudge(time.Time{})
	b.tidy(p.agent)
	b.drop(p.card)
}

// Dismiss takes a finished call off an agent's desk; false: there is none such. A call that still rings or talks
// cannot be dismissed.
func (b *Board) Dismiss(agent, call uuid.UUID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.cards[call]
	if c == nil {
		return false
	}
	p := c.popOf(agent)
	if p == nil || p.state.live() {
		return false
	}
	defer b.changed()
	b.cfg.States.EndWrapUp(agent, call)
	b.remove(p)
	b.desk(agent).nudge(time.Time{})
	b.tidy(agent)
	b.drop(c)
	return true
}

// Call is the last picture of a live call that the board has; false: no exchange has such a call any more.
func (b *Board) Call(id uuid.UUID) (pbx.Call, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.cards[id]
	if c == nil || c.call.State == pbx.StateEnded {
		return pbx.Call{}, false
	}
	return c.call, true
}

// Shows says whether a call is on an agent's desk now.
func (b *Board) Shows(agent, call uuid.UUID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.cards[call]
	return c != nil && c.popOf(agent) != nil
}

// remove takes a pop off its card and desk. Callers hold b.mu.
func (b *Board) remove(p *pop) {
	if p.linger != nil {
		p.linger.Stop()
		p.linger = nil
	}
	p.card.pops = without(p.card.pops, p)
	d := b.desk(p.agent)
	d.pops = without(d.pops, p)
}

// drop forgets a card that is over and on no desk. Callers hold b.mu.
func (b *Board) drop(c *card) {
	if c.call.State != pbx.StateEnded || len(c.pops) > 0 {
		return
	}
	c.gone = true
	c.stopTimers()
	delete(b.cards, c.call.ID)
}

// desk returns an agent's desk, making it when needed. Callers hold b.mu.
func (b *Board) desk(agent uuid.UUID) *desk {
	d := b.desks[agent]
	if d == nil {
		d = &desk{agent: agent}
		b.desks[agent] = d
	}
	return d
}

// tidy forgets a desk that shows nothing to nobody. Callers hold b.mu.
func (b *Board) tidy(agent uuid.UUID) {
	if d := b.desks[agent]; d != nil && len(d.pops) == 0 && len(d.watches) == 0 {
		delete(b.desks, agent)
	}
}

func (c *card) popOf(agent uuid.UUID) *pop {
	for _, p := range c.pops {
		if p.agent == agent {
			return p
		}
	}
	return nil
}

func (c *card) stopTimers() {
	if c.patience != nil {
		c.patience.Stop()
	}
	for _, p := range c.pops {
		if p.linger != nil {
			p.linger.Stop()
		}
	}
}

// finish makes room for a call that the agent has just finished: a desk holds one.
func (d *desk) finish(b *Board, done *pop) {
	for _, p := range d.pops {
		if p != done && p.state == PopEnded {
			b.remove(p) // makes a new slice; the one ranged over stays as it is
			b.drop(p.card)
			return
		}
	}
}

// without returns pops without p, in a new slice.
func without(pops []*pop, p *pop) []*pop {
	var rest []*pop
	for _, q := range pops {
		if q != p {
			rest = append(rest, q)
		}
	}
	return rest
}
