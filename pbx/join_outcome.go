package pbx

import (
	"cmp"
	"slices"
	"time"
)

// answeredAt is when the first who was called answered, the lines left out: a queue or an announcement answers them too.
func (d *drawing) answeredAt() time.Time {
	var at time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for _, m := range d.members {
		if slices.ContainsFunc(m.limbs, func(l *limb) bool { return l.Outgoing && (l.line != nil || l.hidden) }) {
			for _, l := range m.limbs {
				if !l.first && l.line == nil && !l.hidden {
					earlier(l.AnsweredAt)
				}
			}
		} else if !m.call.AnsweredAt.IsZero() {
			earlier(maxTime(m.call.AnsweredAt.Add(m.shift), d.c.StartedAt).UTC())
		}
	}
	return at
}

// reached tells who was called: what kind of call it is, the number and the line.
func (d *drawing) reached() {
	c := &d.c
	if d.legs[0].Role == RoleCustomer {
		return // as the first exchange has it
	}
	if len(d.members) == 1 {
		return // the line may lead to anybody
	}
	last := d.members[len(d.members)-1]
	c.Direction = Internal
	if len(d.legs) > 1 {
		if l := d.legs[1]; l.Role == RoleCustomer {
			c.Direction, c.Trunk = Outbound, endpointOf(l.Channel)
			c.Dialed = cmp.Or(l.Number, c.Dialed)
			return
		}
	} else if n := last.call.Dialed; last.call.Queue == "" && !isExtension(n) {
		c.Direction = Outbound
		return
	}
	c.Trunk = ""
}

// waited finds the queue that the caller entered last.
func (d *drawing) waited() {
	var at time.Time
	for _, m := range d.members {
		if entered := m.queuedAt.Add(m.shift); m.call.Queue != "" && (at.IsZero() || entered.After(at)) {
			d.c.Queue, d.c.QueuePBX, at = m.call.Queue, "", entered
			if m.call.PBX != d.c.PBX {
				d.c.QueuePBX = m.call.PBX
			}
		}
	}
}

// handed collects the changes of hands.
func (d *drawing) handed() {
	c := &d.c
	c.Transfers = nil
	for _, m := range d.members {
		for _, t := range m.call.Transfers {
			t.At = maxTime(t.At.Add(m.shift), c.StartedAt)
			if m.call.PBX != c.PBX {
				t.PBX = m.call.PBX
			}
			c.Transfers = append(c.Transfers, t)
		}
	}
	slices.SortStableFunc(c.Transfers, func(a, b Transfer) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.PBX, b.PBX))
	})
}

func (d *drawing) state() State {
	if d.over() {
		return StateEnded
	}
	var held, queued, offered, talking bool
	for _, m := range d.members {
		held = held || m.call.State == StateHeld
		queued = queued || m.call.State == StateQueued
	}
	for _, l := range d.legs[1:] {
		if l.EndedAt.IsZero() {
			offered = offered || l.AnsweredAt.IsZero()
			talking = talking || !l.AnsweredAt.IsZero() && (l.Role == RoleAgent || l.Talk == 0)
		}
	}
	switch {
	case held:
		return StateHeld
	case talking:
		return StateTalking
	case offered:
		return StateRinging
	case queued:
		return StateQueued
	case !d.c.AnsweredAt.IsZero():
		return StateTalking
	}
	return StateRinging
}

// hangup follows the lines to where somebody hung up. Over a line only the other end's hanging up is seen.
func (d *drawing) hangup() Hangup {
	h := d.members[0].call.Hangup
	at := d.members[0]
	for range d.members {
		i := slices.IndexFunc(at.limbs, func(l *limb) bool { return l.ID == d.id(at.part, at.call.Hangup.Leg) })
		if i < 0 {
			break
		}
		l := at.limbs[i]
		if l.mate != nil {
			k := slices.IndexFunc(d.members, func(m *member) bool { return m.part == l.mate.part })
			at = d.members[k]
			continue
		}
		h.Leg = l.ID
		switch h.By = ByAgent; {
		case at.call.Hangup.By == BySystem:
			h.By = BySystem
		case l.Role == RoleCustomer, l == d.legs[0] && d.c.Direction == Internal:
			h.By = ByCaller
		}
		return h
	}
	h.By, h.Leg = BySystem, ""
	return h
}

func (d *drawing) outcome() Outcome {
	c := &d.c
	says := func(o Outcome) bool {
		return slices.ContainsFunc(d.members, func(m *member) bool { return m.call.Outcome == o })
	}
	own := d.members[0].call.Outcome
	if own == Answered || own == "" { // by the line alone
		for _, m := range d.members {
			if m.call.Outcome != Answered && m.call.Outcome != "" {
				own = m.call.Outcome
			}
		}
	}
	switch {
	case !c.AnsweredAt.IsZero():
		return Answered
	case says(Voicemail):
		return Voicemail
	case says(Abandoned) && c.Queue != "" && c.Hangup.By != BySystem:
		return Abandoned
	}
	switch own {
	case Busy, Failed, Missed:
	case Cancelled:
		if c.Direction == Internal && len(d.legs) > 1 {
			return Missed
		}
	default:
		own = Missed
	}
	if c.Direction == Internal && d.legs[len(d.legs)-1].End == EndDeclined || own == Failed && c.Direction == Inbound {
		return Missed
	}
	if own == Missed && c.Direction == Outbound && c.Hangup.By != BySystem {
		return Cancelled
	}
	return own
}

// hold is the time during which anybody had put somebody on hold.
func (d *drawing) hold() time.Duration {
	var all []Span
	for _, l := range d.limbs {
		for _, s := range l.Spans {
			if s.Kind == SpanHold && !s.To.IsZero() {
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b Span) int { return a.From.Compare(b.From) })
	var sum time.Duration
	var until time.Time
	for _, s := range all {
		if from := maxTime(s.From, until); s.To.After(from) {
			sum += s.To.Sub(from)
		}
		until = maxTime(until, s.To)
	}
	return sum
}
