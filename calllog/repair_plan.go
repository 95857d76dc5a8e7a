package calllog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
)

// knownCall is a call as the log has it.
type knownCall struct {
	id                                    uuid.UUID
	version                               int64
	state                                 pbx.State
	partial, reconstructed                bool
	whole                                 bool
	merged                                bool // it is part of another, perhaps another exchange's
	direction                             pbx.Direction
	caller                                pbx.Party
	dialed, trunk, queue, queuePBX, given string
	hold                                  int64
	source                                pbx.Source
	legs                                  []knownLeg
}

type knownLeg struct {
	id, channel string
	offered     time.Time
	seen        bool // its end, by ringbook
}

// knownCalls are the calls of the log among which recalled ones are looked for.
type knownCalls struct {
	byLeg     map[string]*knownCall // by the id of a channel
	byChannel map[string][]*knownCall
}

// known reads the calls of the log that began when the recalled ones did.
func (r *Repair) known(ctx context.Context, name string, calls []pbx.Recalled) (knownCalls, error) {
	k := knownCalls{map[string]*knownCall{}, map[string][]*knownCall{}}
	if len(calls) == 0 {
		return k, nil
	}
	first, last := calls[0].Call.StartedAt, calls[0].Call.StartedAt
	for _, c := range calls {
		if c.Call.StartedAt.Before(first) {
			first = c.Call.StartedAt
		}
		if c.Call.StartedAt.After(last) {
			last = c.Call.StartedAt
		}
	}
	const apart = 10 * time.Minute
	rows, err := r.cfg.DB.Pool().Query(ctx, `
		SELECT c.id, c.version, c.state, c.partial, c.reconstructed, c.whole, c.direction, c.caller_raw, c.caller_name, c.caller_withheld,
			c.dialed_raw, c.trunk, c.queue, c.queue_pbx, c.customer_ref, c.hold_ms, c.source, c.merged_into IS NOT NULL, l.id, l.channel, l.offered_at, l.ended_as NOT IN ('', 'lost')
		FROM call c JOIN call_leg l ON l.call_id = c.id AND l.call_id BETWEEN $4 AND $5
		WHERE c.pbx = $1 AND c.started_at BETWEEN $2 AND $3 AND c.id BETWEEN $4 AND $5`,
		name, first.Add(-apart), last.Add(apart), idAt(first.Add(-apart-astray)), idAt(last.Add(apart+astray)))
	if err != nil {
		return k, fmt.Errorf("read the calls of a gap: %w", err)
	}
	defer rows.Close()
	byID := map[uuid.UUID]*knownCall{}
	for rows.Next() {
		var c knownCall
		var l knownLeg
		if err := rows.Scan(&c.id, &c.version, &c.state, &c.partial, &c.reconstructed, &c.whole, &c.direction, &c.caller.Number, &c.caller.Name,
			&c.caller.Withheld, &c.dialed, &c.trunk, &c.queue, &c.queuePBX, &c.given, &c.hold, &c.source, &c.merged, &l.id, &l.channel, &l.offered, &l.seen); err != nil {
			return k, fmt.Errorf("read the calls of a gap: %w", err)
		}
		call := byID[c.id]
		if call == nil {
			call = &c
			byID[c.id] = call
		}
		call.legs = append(call.legs, l)
		if other := k.byLeg[channelOf(l.id)]; other == nil || other.merged {
			k.byLeg[channelOf(l.id)] = call
		}
		if l.channel != "" {
			k.byChannel[l.channel] = append(k.byChannel[l.channel], call)
		}
	}
	if err := rows.Err(); err != nil {
		return k, fmt.Errorf("read the calls of a gap: %w", err)
	}
	return k, nil
}

// find looks for a recalled call: by the channel that began it, then by any other. Call records do not tell the ids of the
// channels that were called; those are known by their names.
func (k knownCalls) find(c *pbx.Call) *knownCall {
	for i := range c.Legs {
		if found := k.byLeg[channelOf(c.Legs[i].ID)]; found != nil {
			return found
		}
	}
	for i := range c.Legs {
		for _, found := range k.byChannel[c.Legs[i].Channel] {
			if slices.ContainsFunc(found.legs, func(l knownLeg) bool { return l.is(&c.Legs[i]) }) {
				return found
			}
		}
	}
	return nil
}

// is tells whether a recalled leg is this one. Names of channels are used again after the exchange has started anew.
func (k knownLeg) is(l *pbx.Leg) bool {
	if nameless := l.Channel != "" && strings.HasPrefix(l.ID, l.Channel); nameless {
		return k.channel == l.Channel && k.offered.Sub(l.OfferedAt).Abs() < time.Minute
	}
	return channelOf(k.id) == channelOf(l.ID)
}

// repairPlan is what one gap needs.
type repairPlan struct {
	calls            []pbx.Call
	sources          map[pbx.Source][]uuid.UUID
	whole            []uuid.UUID // of calls: was seen from the beginning by the exchange
	added, completed int
	unfinished       bool // a call of it goes on
}

func (k knownCalls) plan(recalled []pbx.Recalled, g gapKey) repairPlan {
	p := repairPlan{sources: map[pbx.Source][]uuid.UUID{}, whole: []uuid.UUID{}}
	ids := map[uuid.UUID]uuid.UUID{} // as recalled: as known
	for i := range recalled {
		if found := k.find(&recalled[i].Call); found != nil {
			ids[recalled[i].Call.ID] = found.id
		}
	}
	for _, rec := range recalled {
		c := rec.Call
		if id, ok := ids[c.MergedInto]; ok && c.MergedInto != uuid.Nil {
			c.MergedInto = id
		}
		found := k.find(&c)
		within := !c.StartedAt.After(g.to.Add(clockSlack)) && (c.EndedAt.IsZero() || !c.EndedAt.Before(g.from.Add(-clockSlack)))
		switch {
		case !within, found != nil && found.merged:
			continue
		case found == nil && c.State != pbx.StateEnded,
			found != nil && found.state != pbx.StateEnded,
			found != nil && (found.partial || found.reconstructed) && c.State != pbx.StateEnded:
			p.unfinished = true
			continue
		case found == nil:
			c.Reconstructed = true // whoever saw it after all, and has it in a spool, knows better
			p.added++
		case found.partial || found.reconstructed && found.source == pbx.SourceLive:
			found.complete(&c)
			p.completed++
		default:
			continue
		}
		if !rec.Call.Partial {
			p.whole = append(p.whole, c.ID)
		}
		p.calls = append(p.calls, c)
		p.sources[rec.Source] = append(p.sources[rec.Source], c.ID)
	}
	return p
}

// complete makes of a recalled call the picture that completes what is known of it: what was seen stays.
func (k *knownCall) complete(c *pbx.Call) {
	c.ID, c.MergedInto, c.Reconstructed = k.id, uuid.Nil, true
	c.Version = k.version
	if k.reconstructed {
		c.Version++ // what is told of the end is better than what was assumed
	}
	if k.whole {
		c.Direction, c.Caller, c.Dialed, c.Trunk = k.direction, k.caller, k.dialed, k.trunk
	}
	if k.queue != "" {
		c.Queue, c.QueuePBX = k.queue, k.queuePBX
	}
	c.CustomerRef = k.given
	c.Hold = max(c.Hold, time.Duration(k.hold)*time.Millisecond)
	legs := make([]pbx.Leg, 0, len(c.Legs))
	for _, l := range c.Legs {
		at := slices.IndexFunc(k.legs, func(o knownLeg) bool {
			return channelOf(o.id) == channelOf(l.ID) || o.channel == l.Channel && l.Channel != ""
		})
		if at >= 0 {
			if k.legs[at].seen {
				continue
			}
			l.ID = k.legs[at].id
		}
		legs = append(legs, l)
	}
	c.Legs = legs
}
