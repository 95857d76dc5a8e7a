package pbx

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx/ami"
)

const (
	// The PBX is asked for all queues again, for what no event tells: "queue reload" changes members without a word. As often
	// as costs it a thousandth of its time: a small PBX answers within two milliseconds.
	surveyShare  = 1000
	surveySoon   = 1500 * time.Millisecond
	surveySeldom = 2 * time.Minute
	surveyTime   = 10 * time.Second

	startTime = time.Minute // that a PBX may take from letting us in to having loaded its queues
)

// queues is what an Exchange knows of the PBX's queues, by the manager.
type queues struct {
	client *ami.Client // nil: none is configured
	told   []func(context.Context, Queue)
	wanted chan struct{} // capacity one: a survey is

	// order is held while something is folded and told. A survey holds it from the question to the end: so no event that is
	// newer than the answer is folded before it. Those that are older come after it, and end where it is. It guards failed.
	order  sync.Mutex
	failed int // surveys in a row that were not answered

	mu    sync.Mutex // guards what follows
	board *queueBoard
}

// UseAMI gives the exchange a manager, which Run runs as well. Before Run; without it nothing is known of queues.
func (x *Exchange) UseAMI(client *ami.Client) { x.queues.client = client }

// AMI tells how the connection to the manager fares, and whether one is configured at all.
func (x *Exchange) AMI() (health ami.Health, configured bool) {
	if x.queues.client == nil {
		return ami.Health{}, false
	}
	return x.queues.client.Health(), true
}

// OnQueue has f called with every new picture of every queue, in order and one at a time; f must not wait for anything
// slow. When the connection ends, each queue is told once more, not Known. Before Run.
func (x *Exchange) OnQueue(f func(ctx context.Context, q Queue)) {
	x.queues.told = append(x.queues.told, f)
}

// Queues are the pictures of all queues now, by name. known is false where there is no manager, or it is away: then
// nothing is said.
func (x *Exchange) Queues() (all []Queue, known bool) {
	x.queues.mu.Lock()
	defer x.queues.mu.Unlock()
	if !x.queues.board.known {
		return nil, false
	}
	for _, q := range x.queues.board.queues {
		all = append(all, q.picture())
	}
	return sorted(all), true
}

// followQueues follows the manager until ctx ends.
func (x *Exchange) followQueues(ctx context.Context) {
	// It ends with ctx and never before.
	_ = x.queues.client.Run(ctx, func(item ami.Item) {
		switch {
		case item.Live != nil:
			nudge(x.phones.changed)
			x.survey(ctx)
		case item.Gap != nil:
			nudge(x.phones.changed)
			x.foldQueues(ctx, func(b *queueBoard) []Queue { return b.lost() })
		case item.Event.Name == "Reload" || item.Event.Name == "FullyBooted":
			x.wantSurvey()
		default:
			x.foldQueues(ctx, func(b *queueBoard) []Queue {
				changed, unknown := b.event(item.Event, item.At)
				if unknown {
					x.wantSurvey()
				}
				return changed
			})
		}
	})
}

func (x *Exchange) wantSurvey() {
	select {
	case x.queues.wanted <- struct{}{}:
	default:
	}
}

// surveyQueues asks for all queues again, now and then and when it is wanted, and finds the calls of callers.
func (x *Exchange) surveyQueues(ctx context.Context) {
	survey := time.NewTimer(surveySoon)
	defer survey.Stop()
	resolve := time.NewTicker(time.Second / 2)
	defer resolve.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-resolve.C:
			x.foldQueues(ctx, func(*queueBoard) []Queue { return nil }) // callers whose call was not known yet
			continue
		case <-survey.C:
		case <-x.queues.wanted:
		}
		began := time.Now()
		x.survey(ctx)
		survey.Reset(min(max(surveyShare*time.Since(began), surveySoon), surveySeldom))
	}
}

// survey asks for all queues and folds them.
func (x *Exchange) survey(ctx context.Context) {
	q := &x.queues
	q.order.Lock()
	defer q.order.Unlock()
	health := q.client.Health()
	if !health.Live {
		return
	}
	asking, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	answer, err := q.client.Do(asking, ami.Action{Name: "QueueStatus"})
	if errors.Is(err, ami.ErrUnknown) {
		// A PBX that starts has no queues yet; one that has none for long has none at all.
		if time.Since(health.Since) < startTime {
			return
		}
		err = nil
	}
	if err != nil {
		if ctx.Err() == nil {
			if q.failed++; q.failed == 1 {
				x.log.Warn("the PBX does not say which queues it has: changes of which no event tells are not seen", "err", err)
			}
		}
		return
	}
	if q.failed > 0 {
		x.log.Info("the PBX says again which queues it has", "failed", q.failed)
		q.failed = 0
	}
	at := time.Now()
	x.foldHeld(ctx, func(b *queueBoard) []Queue { return b.survey(answer.Events, at) })
}

// foldQueues makes one change to the board and tells of what it changed.
func (x *Exchange) foldQueues(ctx context.Context, change func(*queueBoard) []Queue) {
	x.queues.order.Lock()
	defer x.queues.order.Unlock()
	x.foldHeld(ctx, change)
}

// foldHeld is foldQueues while order is held.
func (x *Exchange) foldHeld(ctx context.Context, change func(*queueBoard) []Queue) {
	q := &x.queues
	q.mu.Lock()
	changed := change(q.board)
	for _, named := range x.nameCallers() {
		changed = slices.DeleteFunc(changed, func(c Queue) bool { return c.Name == named.Name })
		changed = append(changed, named.picture())
	}
	q.mu.Unlock()
	for _, picture := range changed {
		for _, tell := range q.told {
			tell(ctx, picture)
		}
	}
}

// nameCallers gives the callers in the queues the ids of their calls, as far as they are known, and returns the queues where
// it gave one. queues.mu is held.
func (x *Exchange) nameCallers() (changed []*Queue) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var calls map[string]uuid.UUID // by channel; made when it is needed
	for _, q := range x.queues.board.queues {
		named := false
		for i := range q.Callers {
			w := &q.Callers[i]
			if _, live := x.live[w.CallID]; live {
				continue
			}
			if calls == nil {
				calls = x.callsByChannel()
			}
			if id, ok := calls[w.Channel]; ok && id != w.CallID {
				w.CallID, named = id, true
			}
		}
		if named {
			changed = append(changed, q)
		}
	}
	return changed
}

// callsByChannel is the call that each channel belongs to. mu is held.
func (x *Exchange) callsByChannel() map[string]uuid.UUID {
	calls := make(map[string]uuid.UUID, 2*len(x.live))
	for id, c := range x.live {
		for i := range c.Legs {
			channel, _, _ := strings.Cut(c.Legs[i].ID, "/")
			calls[channel] = id
		}
	}
	return calls
}
