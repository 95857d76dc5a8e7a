package screenpop

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
)

const (
	lookupTimeout = 2 * time.Second
	retryFirst    = 250 * time.Millisecond
	retryMost     = 5 * time.Second
	historyLength = 5
)

// job is one look-up, for all cards that ask the same at the same time. Guarded by Board.mu.
//
// A job is in Board.jobs from the first card's question until it has succeeded or nobody wants it, and in
// Board.queue while it waits for a worker.
type job struct {
	query   crm.Query
	cards   []*card
	asked   time.Time
	queued  bool
	running bool
	again   bool // asked anew while running: what was read may be old
	failed  int  // times in a row
	retry   *time.Timer
}

func (j *job) stopTimer() {
	if j.retry != nil {
		j.retry.Stop()
	}
}

// wanted forgets the cards that have gone or ask something else by now, and says whether any is left.
func (j *job) wanted() bool {
	j.cards = slices.DeleteFunc(j.cards, func(c *card) bool { return c.gone || c.job != j })
	return len(j.cards) > 0
}

// ask begins a look-up for a card, or joins one that asks the same. Callers hold b.mu.
func (b *Board) ask(c *card, q crm.Query) {
	c.query = q
	j := b.jobs[q]
	if j == nil {
		j = &job{query: q, asked: time.Now()}
		b.jobs[q] = j
	}
	if c.job != j {
		c.job = j
		j.cards = append(j.cards, c)
	}
	if j.running {
		j.again = true
		return
	}
	if j.retry == nil {
		b.enqueue(j)
	}
}

// enqueue hands a job to the workers. The queue is bounded by the cards on the board. Callers hold b.mu.
func (b *Board) enqueue(j *job) {
	if j.queued {
		return
	}
	j.queued = true
	b.queue = append(b.queue, j)
	b.met.queue.Add(b.met.ctx, 1)
	select {
	case b.wake <- struct{}{}:
	default: // every worker has a token and will look at the queue after this
	}
}

// work runs jobs until ctx ends.
func (b *Board) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		for ctx.Err() == nil {
			j := b.next()
			if j == nil {
				break
			}
			b.run(ctx, j)
		}
	}
}

// next takes the oldest job that is still wanted; nil: there is none.
func (b *Board) next() *job {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.queue) > 0 {
		j := b.queue[0]
		b.queue[0] = nil
		b.queue = b.queue[1:]
		b.met.queue.Add(b.met.ctx, -1)
		j.queued = false
		if j.wanted() {
			j.running, j.again = true, false
			return j
		}
		delete(b.jobs, j.query)
	}
	return nil
}

// run makes one look-up and shows what it found: the customer as soon as it is known, then the rest.
func (b *Board) run(ctx context.Context, j *job) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	match, err := b.cfg.Match(ctx, j.query)
	if err == nil {
		b.matched(j, match)
		if b.cfg.History != nil {
			err = b.remember(ctx, j, match)
		}
	}
	b.finished(ctx, j, match, err)
}

// matched shows the customer on every card that asked.
func (b *Board) matched(j *job, match crm.Match) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.met.lookup.Record(b.met.ctx, time.Since(j.asked).Seconds())
	for _, c := range j.cards {
		if c.gone || c.job != j {
			continue
		}
		c.match, c.lookedUp = match, true
		if _, ask := queryOf(&c.call); !ask { // refreshed for its note only
			c.match = crm.Match{Rule: crm.RuleNone}
		}
		if c.patience != nil {
			c.patience.Stop()
		}
		b.tell(c, c.call.ReceivedAt)
	}
}

// remember reads the last calls and the notes of a job's cards and shows them.
func (b *Board) remember(ctx context.Context, j *job, match crm.Match) error {
	var customers []uuid.UUID
	if match.Customer != nil {
		customers = []uuid.UUID{match.Customer.ID}
	}
	key := match.Number.Key()
	if match.Rule == crm.RuleWithheld {
		key = "" // the line may tell a number that is not to be shown: neither are the calls from it
	}
	history, err := []PastCall{}, error(nil)
	if key != "" || customers != nil {
		// A few more than are shown: calls that are on the board now are left out.
		history, err = b.cfg.History.LastCalls(ctx, customers, key, historyLength+3)
	}
	if err != nil {
		return err
	}
	promised := []FollowUp{}
	if b.cfg.FollowUps != nil && (key != "" || customers != nil) {
		if customers == nil { // of those that share the number it may be any
			for _, c := range match.Candidates {
				customers = append(customers, c.ID)
			}
		}
		if promised, err = b.cfg.FollowUps.Promises(ctx, customers, key, promises); err != nil {
			return err
		}
	}

	b.mu.Lock()
	var ask []*card
	for _, c := range j.cards {
		if c.gone || c.job != j {
			continue
		}
		c.history, c.promises = others(history, c.call.ID), promised
		if c.wantNote {
			ask = append(ask, c)
		}
		b.tell(c, c.call.ReceivedAt)
	}
	b.mu.Unlock()

	for _, c := range ask {
		if err := b.annotate(ctx, c, j.query); err != nil {
			return err
		}
	}
	return nil
}

// annotate reads what people wrote about a card's call, and the customer they chose for it.
func (b *Board) annotate(ctx context.Context, c *card, q crm.Query) error {
	b.mu.Lock()
	id := c.call.ID // never changes, but the call around it does
	b.mu.Unlock()
	note, err := b.cfg.History.Annotation(ctx, id)
	if err != nil {
		return err
	}
	var chosen *crm.Match
	if note.CustomerID != uuid.Nil {
		q.CustomerRef = note.CustomerID.String()
		m, err := b.cfg.Match(ctx, q)
		if err != nil {
			return err
		}
		if m.Customer != nil && m.Customer.ID == note.CustomerID {
			m.Rule = crm.RuleLinked
			chosen = &m
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c.note, c.chosen, c.wantNote = note, chosen, false
	b.tell(c, time.Time{})
	return nil
}

// outage is a time in which look-ups fail. The log tells of its beginning and of its end, not of every call in it.
type outage struct {
	failures int // 0: there is none
	since    time.Time
}

// tell takes notice of a look-up that has come to its end. Callers hold b.mu.
func (o *outage) tell(ctx context.Context, log *slog.Logger, match crm.Match, err error) {
	switch {
	case err != nil:
		if o.failures++; o.failures == 1 {
			o.since = time.Now()
			log.WarnContext(ctx, "look-ups fail, and are tried again: callers are unchecked", "err", err)
		}
	case o.failures > 0 && match.Rule != crm.RuleWithheld: // for which nobody need be asked
		log.InfoContext(ctx, "look-ups work again", "failed", o.failures, "after", time.Since(o.since).Round(time.Millisecond))
		*o = outage{}
	}
}

// finished ends a job, or arranges for it to be done again. match is what it found if err is nil.
func (b *Board) finished(ctx context.Context, j *job, match crm.Match, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j.running = false
	if !errors.Is(err, context.Canceled) {
		b.outage.tell(ctx, b.cfg.Log, match, err)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		b.met.failures.Add(b.met.ctx, 1)
	}
	switch {
	case b.stopped || !j.wanted():
		delete(b.jobs, j.query)
	case err != nil:
		wait := min(retryFirst<<min(j.failed, 10), retryMost)
		wait += rand.N(wait / 4)
		j.failed++
		j.retry = time.AfterFunc(wait, func() { b.retry(j) })
	case j.again:
		j.failed = 0
		b.enqueue(j)
	default:
		for _, c := range j.cards {
			c.job = nil
		}
		delete(b.jobs, j.query)
	}
}

func (b *Board) retry(j *job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j.retry = nil
	if !b.stopped {
		b.enqueue(j)
	}
}

// others is a call's history without itself, at most historyLength long, never nil.
func others(history []PastCall, self uuid.UUID) []PastCall {
	rest := make([]PastCall, 0, historyLength)
	for _, h := range history {
		if h.ID != self && len(rest) < historyLength {
			rest = append(rest, h)
		}
	}
	return rest
}

// Refresh looks a call up anew, with its note: somebody has written one, or linked a customer. It does not block.
func (b *Board) Refresh(call uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.cards[call]; c != nil {
		b.refresh(c)
	}
}

// RefreshCustomer looks anew for every call whose pop the edited customer may be on: it was among the candidates, or
// nobody was. It does not block.
func (b *Board) RefreshCustomer(customer uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.cards {
		if c.concerns(customer) {
			b.refresh(c)
		}
	}
}

// RefreshAll looks anew for every call: nobody knows what has been changed. It does not block.
func (b *Board) RefreshAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.cards {
		b.refresh(c)
	}
	b.refreshAgendas()
}

// RefreshAgents applies an edit of agents or their extensions to the calls on the board. It does not block.
func (b *Board) RefreshAgents() {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.changed()
	for _, c := range b.cards {
		b.place(c)
	}
	for _, d := range b.desks {
		if len(d.watches) > 0 {
			b.want(d.agent) // of a new team
		}
		d.nudge(time.Time{})
	}
}

// refresh asks again for a card, which keeps what it shows meanwhile. Callers hold b.mu.
func (b *Board) refresh(c *card) {
	c.wantNote = b.cfg.History != nil
	q, _ := queryOf(&c.call)
	b.ask(c, q)
}

// concerns says whether the customer is, or by an edit may have become, one of the card's.
func (c *card) concerns(customer uuid.UUID) bool {
	if !c.lookedUp || c.match.Customer == nil && len(c.match.Candidates) == 0 {
		return true
	}
	if c.match.Customer != nil && c.match.Customer.ID == customer || c.note.CustomerID == customer {
		return true
	}
	return slices.ContainsFunc(c.match.Candidates, func(m crm.Customer) bool { return m.ID == customer })
}
