package pbx

import (
	"cmp"
	"slices"
	"time"
)

// limb is a leg on its way into the picture of a conversation: with the times of the first exchange's clock, and an ID
// that is the conversation's own.
type limb struct {
	Leg
	part   *part
	first  bool // of its part
	line   *line
	hidden bool // dialled, and who that reaches is about to be known
	mate   *limb
	now    time.Time // when its part was pictured
}

// member is a part on its way into the picture.
type member struct {
	*part
	shift time.Duration // from its exchange's clock to the first one's
	limbs []*limb
}

// draw makes the picture of a conversation under the id of a part; false: there is nothing new to say yet.
func (j *Joint) draw(t *talk, p *part) (Call, bool) {
	d := drawing{talk: t, c: p.call}
	d.gather(j, p)
	if len(d.members) == 1 && !d.partial() {
		return p.call, true
	}
	if over := d.over(); over && d.waits() {
		return Call{}, false
	}
	d.listen()
	d.settle()
	return d.picture(p), true
}

// drawing is the work on one picture.
type drawing struct {
	*talk
	c       Call
	members []*member // the first is the one under whose id the picture goes
	limbs   []*limb   // of all
	legs    []*limb   // that are parties, in the picture's order
}

// gather finds the parts that lines join to the first, and brings their legs into its terms. An INVITE takes next to
// no time: the two ends of a line began at the same moment, which tells one exchange's clock from the other's.
func (d *drawing) gather(j *Joint, p *part) {
	d.add(j, p, 0)
	for i := 0; i < len(d.members); i++ {
		m := d.members[i]
		for _, n := range d.lines {
			if n.from != m.part && n.to != m.part {
				continue
			}
			other := n.to
			if other == m.part {
				other = n.from
			}
			out, in := n.end(true), n.end(false)
			if other.moved || out == nil || in == nil || slices.ContainsFunc(d.members, func(o *member) bool { return o.part == other }) {
				continue
			}
			lead := out.OfferedAt.Sub(in.OfferedAt)
			if other == n.from {
				lead = -lead
			}
			d.add(j, other, m.shift+lead)
		}
	}
	for _, l := range d.limbs {
		if l.line == nil {
			continue
		}
		for _, o := range d.limbs {
			if o.line == l.line && o.Outgoing != l.Outgoing {
				l.mate = o
			}
		}
	}
	for _, m := range d.members {
		for _, l := range m.limbs {
			l.Parent = d.parent(m, l.Parent, 0)
		}
	}
}

func (d *drawing) add(j *Joint, p *part, shift time.Duration) {
	m := &member{part: p, shift: shift}
	for i, l := range p.call.Legs {
		b := &limb{Leg: l, part: p, first: i == 0, line: d.lineOf(p, &l), now: time.UnixMicro(p.call.Version).Add(shift)}
		if n := j.lines[l.Dialog]; n != nil && b.line == nil && n.from == p && n.to == nil {
			b.hidden = n.patience != nil && !n.outside
		}
		if p.call.PBX != d.c.PBX {
			b.PBX = p.call.PBX
		}
		b.ID = d.id(p, l.ID)
		b.move(shift, d.c.StartedAt)
		m.limbs = append(m.limbs, b)
	}
	d.members = append(d.members, m)
	d.limbs = append(d.limbs, m.limbs...)
}

// id is the ID of a leg in the picture: two exchanges number their channels alike.
func (d *drawing) id(p *part, leg string) string {
	if leg == "" || p.call.PBX == d.c.PBX {
		return leg
	}
	return p.call.PBX + "/" + leg
}

// parent is the leg through which the call came, as the picture has it: a call that came over a line came through
// whoever sent it over that line.
func (d *drawing) parent(m *member, leg string, depth int) string {
	i := slices.IndexFunc(m.part.call.Legs, func(l Leg) bool { return l.ID == leg })
	line := i >= 0 && m.limbs[i].line != nil
	switch {
	case leg != "" && !line:
		return d.id(m.part, leg)
	case leg == "" && m.limbs[0].line != nil && !m.limbs[0].Outgoing:
		i = 0
	case !line || m.limbs[i].Outgoing:
		return ""
	}
	mate := m.limbs[i].mate
	if mate == nil || depth > len(d.members) {
		return ""
	}
	k := slices.IndexFunc(d.members, func(o *member) bool { return o.part == mate.part })
	for _, l := range mate.part.call.Legs {
		if l.Dialog == mate.Dialog && l.Outgoing {
			return d.parent(d.members[k], l.Parent, depth+1)
		}
	}
	return ""
}

// partial tells whether something of the only part must be left out.
func (d *drawing) partial() bool {
	return slices.ContainsFunc(d.limbs, func(l *limb) bool { return l.line != nil || l.hidden })
}

// over tells whether every part has ended, as far as its exchange is heard.
func (d *drawing) over() bool {
	return !slices.ContainsFunc(d.members, func(m *member) bool { return m.call.State != StateEnded && !m.lost })
}

// waits tells whether something is about to be known.
func (d *drawing) waits() bool {
	return slices.ContainsFunc(d.limbs, func(l *limb) bool { return l.hidden })
}

// listen takes from everybody's talk what was heard over a line at whose other end nobody was: music of a queue, an
// announcement.
func (d *drawing) listen() {
	for range len(d.lines) + 1 { // what is heard over one line may come over another
		for _, l := range d.limbs {
			var heard []stretch
			switch {
			case len(l.Spans) == maxSpans || l.mate == nil && !l.hidden || l.mate != nil && len(l.mate.Spans) == maxSpans:
				continue
			case l.mate != nil:
				// What goes on at the other end is known until that exchange was heard last.
				if heard = stretches(l.mate.Spans); len(heard) > 0 {
					end := &heard[len(heard)-1]
					if end.to.Equal(forever) {
						end.to = l.mate.now.Truncate(time.Millisecond)
					}
					if !end.to.After(end.from) {
						heard = heard[:len(heard)-1]
					}
				}
			}
			// What seems to go on with nobody there has in truth just ended, and the exchange is about to say so. Less than
			// an instant is the difference between the clocks.
			silent := without(stretches(l.Spans), heard)
			silent = slices.DeleteFunc(silent, func(s stretch) bool {
				return s.to.Sub(s.from) < instant || s.to.Equal(forever) && l.mate != nil && len(l.mate.Spans) > 0
			})
			if len(silent) == 0 {
				continue
			}
			for _, o := range d.limbs {
				if o.part != l.part || o == l {
					continue
				}
				alone := silent // nobody else of the same exchange was there to be heard
				for _, third := range d.limbs {
					if third.part == o.part && third != o && third != l {
						alone = without(alone, stretches(third.Spans))
					}
				}
				o.cut(alone)
			}
		}
	}
}

// settle makes the ends of legs those of one call.
func (d *drawing) settle() {
	for _, m := range d.members {
		if m.lost {
			until := d.lastHeard(m)
			for _, l := range m.limbs {
				if l.EndedAt.IsZero() {
					l.EndedAt, l.End = maxTime(until, l.OfferedAt, l.AnsweredAt), EndLost
					l.closeSpans(l.EndedAt)
				}
			}
		}
		// An exchange that is called cannot tell a caller who gives up from one that stops ringing, or found another.
		if in := m.limbs[0]; in.mate != nil && !in.Outgoing && (in.mate.End == EndNoAnswer || in.mate.End == EndAnsweredElsewhere) {
			for _, l := range m.limbs[1:] {
				if l.End == EndCancelled && l.AnsweredAt.IsZero() {
					l.End = in.mate.End
				}
			}
		}
		for _, l := range m.limbs {
			if l.line == nil && !l.hidden {
				d.legs = append(d.legs, l)
			}
		}
	}
	slices.SortStableFunc(d.legs[1:], func(a, b *limb) int {
		return cmp.Or(a.OfferedAt.Compare(b.OfferedAt), cmp.Compare(a.ID, b.ID))
	})
}

// lastHeard is when the lines of a part ended at their other ends.
func (d *drawing) lastHeard(m *member) time.Time {
	at := d.c.StartedAt
	for _, l := range m.limbs {
		if l.mate != nil {
			at = maxTime(at, l.mate.EndedAt)
		}
	}
	return at
}

// picture puts the parts together.
func (d *drawing) picture(p *part) Call {
	c := &d.c
	first := d.legs[0]
	for _, m := range d.members {
		c.Version = max(c.Version, m.call.Version)
		c.Partial = c.Partial || m.call.Partial
		c.Reconstructed = c.Reconstructed || m.call.Reconstructed || m.lost
		c.CustomerRef = cmp.Or(c.CustomerRef, m.call.CustomerRef)
	}
	c.AnsweredAt = d.answeredAt()
	if !p.given.AnsweredAt.IsZero() {
		c.AnsweredAt = p.given.AnsweredAt // what was answered once stays so
	}
	if first.AnsweredAt = c.AnsweredAt; !first.EndedAt.IsZero() && first.AnsweredAt.After(first.EndedAt) {
		first.AnsweredAt = time.Time{}
	}
	d.reached()
	d.waited()
	d.handed()
	c.State = d.state()
	c.EndedAt, c.Outcome, c.Hangup = time.Time{}, "", Hangup{}
	if c.State == StateEnded {
		for _, m := range d.members {
			at := m.call.EndedAt.Add(m.shift)
			if m.call.State != StateEnded {
				at = d.lastHeard(m)
			}
			c.EndedAt = maxTime(c.EndedAt, at, c.StartedAt, c.AnsweredAt)
		}
		for _, l := range d.legs {
			c.EndedAt = maxTime(c.EndedAt, l.EndedAt)
		}
		c.EndedAt = c.EndedAt.UTC()
		c.Hangup = d.hangup()
		c.Outcome = d.outcome()
	}
	c.Wait = 0
	switch {
	case !c.AnsweredAt.IsZero():
		c.Wait = max(0, c.AnsweredAt.Sub(c.StartedAt))
	case c.State == StateEnded:
		c.Wait = c.EndedAt.Sub(c.StartedAt)
	}
	c.Legs = make([]Leg, len(d.legs))
	for i, l := range d.legs {
		c.Legs[i] = l.Leg
	}
	c.sumTalk()
	c.Hold = d.hold()
	c.Lines = nil
	for _, l := range d.limbs {
		told := func(o Leg) bool { return o.ID == l.ID }
		if l.line != nil && (slices.ContainsFunc(p.given.Legs, told) || slices.ContainsFunc(p.given.Lines, told)) {
			c.Lines = append(c.Lines, l.Leg)
		}
	}
	return *c
}
