package pbx

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx/ari"
)

// Period is a stretch of time in which the event stream of an exchange was complete: whatever happened on the PBX
// between From and Until has been seen. Times are our clock's.
type Period struct {
	ID      uuid.UUID
	PBX     string
	From    time.Time
	Until   time.Time // so far, as long as End is empty
	Started time.Time // when the PBX had started, by its own clock; zero: it did not say
	End     GapReason // why it ended; empty: it goes on
}

// GapReason is why a stretch of time was not heard.
type GapReason string

const (
	GapDisconnected GapReason = "disconnected"  // the connection ended
	GapDeaf         GapReason = "deaf"          // the connection was open and delivered nothing
	GapOverflow     GapReason = "overflow"      // events came faster than they could be handled
	GapReplaced     GapReason = "replaced"      // another client took our application name
	GapStopped      GapReason = "stopped"       // ringbook was told to end
	GapKilled       GapReason = "killed"        // ringbook ended without a word: killed, or its machine failed
	GapRestarted    GapReason = "pbx_restarted" // the PBX itself ended and started anew
)

// mostPeriods is how many periods an Exchange remembers. More there are only where connections do not last.
const mostPeriods = 256

// Standing is what a PBX had at the last moment at which its stream became complete.
type Standing struct {
	At       time.Time              // our clock
	Clock    time.Time              // the PBX's, at the same moment
	Calls    map[uuid.UUID]struct{} // that went on
	Channels map[string]uuid.UUID   // by id: the call that each belonged to; uuid.Nil: none
}

// heard keeps the periods. It is called after the item was folded.
func (x *Exchange) heard(item ari.Item) {
	switch {
	case item.Live != nil:
		standing := x.standingNow(item)
		x.mu.Lock()
		defer x.mu.Unlock()
		x.standing = standing
		if len(x.periods) == mostPeriods {
			x.periods = slices.Delete(x.periods, 0, 1)
		}
		x.periods = append(x.periods, Period{ID: uuid.New(), PBX: x.name, From: item.At, Until: item.At, Started: item.Live.Started})
	case item.Gap != nil:
		x.endPeriod(item.Gap.From, GapReason(item.Gap.Reason))
	}
}

func (x *Exchange) standingNow(item ari.Item) Standing {
	s := Standing{At: item.At, Calls: map[uuid.UUID]struct{}{}, Channels: make(map[string]uuid.UUID, len(item.Live.Snapshot.Channels))}
	x.fold.Lock()
	defer x.fold.Unlock()
	s.Clock = x.tracker.clock(item.At)
	for i := range item.Live.Snapshot.Channels {
		id := item.Live.Snapshot.Channels[i].ID
		s.Channels[id] = uuid.Nil
		if ch := x.tracker.channels[id]; ch != nil && ch.call != nil {
			s.Channels[id] = ch.call.pic.ID
		}
	}
	for c := range x.tracker.calls {
		s.Calls[c.pic.ID] = struct{}{}
	}
	return s
}

func (x *Exchange) endPeriod(until time.Time, why GapReason) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if last := len(x.periods) - 1; last >= 0 && x.periods[last].End == "" {
		p := &x.periods[last]
		p.End = why
		if p.Until = until; until.Before(p.From) {
			p.Until = p.From
		}
	}
}

// Periods are the last periods in which this exchange's stream was complete, oldest first; the last one may go on.
func (x *Exchange) Periods() []Period {
	complete := x.client.Health().Complete
	x.mu.RLock()
	defer x.mu.RUnlock()
	list := slices.Clone(x.periods)
	if last := len(list) - 1; last >= 0 && list[last].End == "" && complete.After(list[last].Until) {
		list[last].Until = complete
	}
	return list
}

// Standing is what the PBX had when its stream last became complete; the zero value: it never did. Nobody may change
// what it holds.
func (x *Exchange) Standing() Standing {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.standing
}

// Assume tells that a call which was joined in the middle is the one that an earlier run of ringbook knew by another
// id, since it had seen its beginning: from now on it has that id and that beginning, and the id that it had until
// now is told to be part of it (Call.MergedInto). It does nothing if that cannot be. Run must be running.
func (x *Exchange) Assume(ctx context.Context, call, earlier uuid.UUID, startedAt time.Time) {
	x.mu.RLock()
	follow := x.follow
	x.mu.RUnlock()
	if follow == nil {
		return
	}
	x.apply(ctx, follow, func() []Call {
		x.tracker.assume(call, earlier, startedAt)
		return x.tracker.pictures(time.Now())
	})
}
