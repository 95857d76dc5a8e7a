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

// move brings a leg's times into another clock; none lies before the beginning of the call.
func (l *Leg) move(by time.Duration, began time.Time) {
	shift := func(at time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		return maxTime(at.Add(by), began)
	}
	l.OfferedAt, l.AnsweredAt, l.EndedAt = shift(l.OfferedAt), shift(l.AnsweredAt), shift(l.EndedAt)
	spans := make([]Span, len(l.Spans))
	for i, s := range l.Spans {
		spans[i] = Span{Kind: s.Kind, From: shift(s.From), To: shift(s.To)}
	}
	l.Spans = spans
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

// sumTalk adds the talk of the legs up, as everywhere: of agents; in an internal call of those that were called.
func (c *Call) sumTalk() {
	c.Talk = 0
	for i, l := range c.Legs {
		if l.Role == RoleAgent && (i > 0 || c.Direction != Internal) {
			c.Talk += l.Talk
		}
	}
}

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

// closeSpans ends the stretch that goes on and counts the talk anew.
func (l *Leg) closeSpans(at time.Time) {
	n := len(l.Spans)
	if n == 0 || !l.Spans[n-1].To.IsZero() {
		return
	}
	l.Spans = slices.Clone(l.Spans)
	if l.Spans[n-1].To = at; !at.After(l.Spans[n-1].From) {
		l.Spans = l.Spans[:n-1]
	}
	if n < maxSpans {
		l.count()
	}
}

// count adds the stretches that are finished up.
func (l *Leg) count() {
	l.Talk, l.Hold = 0, 0
	for _, s := range l.Spans {
		if s.To.IsZero() {
			continue
		}
		l.Talk += s.To.Sub(s.From)
		if s.Kind == SpanHold {
			l.Hold += s.To.Sub(s.From)
		}
	}
}

// cut takes stretches of time out of a leg's talk.
func (l *Leg) cut(out []stretch) {
	if len(out) == 0 || len(l.Spans) == 0 || len(l.Spans) == maxSpans {
		return
	}
	var spans []Span
	for _, s := range l.Spans {
		for _, rest := range without(stretches([]Span{s}), out) {
			n := Span{Kind: s.Kind, From: rest.from, To: rest.to}
			if rest.to.Equal(forever) {
				n.To = time.Time{}
			}
			spans = append(spans, n)
		}
	}
	if len(spans) < maxSpans {
		l.Spans = spans
		l.count()
	}
}

// stretch is a stretch of time.
type stretch struct{ from, to time.Time }

// instant is as much as what two exchanges say of the same moment may differ by.
const instant = 200 * time.Millisecond

// forever is the end of what goes on.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func stretches(spans []Span) []stretch {
	list := make([]stretch, len(spans))
	for i, s := range spans {
		if list[i] = (stretch{s.From, s.To}); s.To.IsZero() {
			list[i].to = forever
		}
	}
	return list
}

// without is what is left of stretches when others are taken out.
func without(of, out []stretch) []stretch {
	for _, o := range out {
		var rest []stretch
		for _, s := range of {
			if !o.to.After(s.from) || !s.to.After(o.from) {
				rest = append(rest, s)
				continue
			}
			if o.from.After(s.from) {
				rest = append(rest, stretch{s.from, o.from})
			}
			if s.to.After(o.to) {
				rest = append(rest, stretch{o.to, s.to})
			}
		}
		of = rest
	}
	return of
}
