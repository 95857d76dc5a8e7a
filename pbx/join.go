package pbx

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// linePatience is how long a Joint waits for the other end of a line before it takes the one who was called over it
	// for somebody outside. It bounds the lead that one exchange's stream may have over another's.
	linePatience = 500 * time.Millisecond
	// lineGrace is how long one end of a line may outlive the other before its exchange counts as not being heard.
	lineGrace = 5 * time.Second
	// joinMemory is how long a conversation that is over may still be told to have been part of another, or to have had
	// other parts, by a stream that lags.
	joinMemory = time.Minute
	maxOver    = 1 << 14 // conversations that are over and remembered
)

// Joint makes one call of the calls of several exchanges that are one conversation: a customer calls one exchange, which
// passes the call on to an agent of another over a line between the two. Its Update stands between Exchange.Run and those
// who follow the calls. It is needed where more than one exchange is followed, and changes nothing about calls that
// pass only one.
//
// A line between two exchanges is a SIP dialog, and both tell its Call-ID: one as a leg that it dialled, the other as the
// one who called. Calls whose legs are the two ends of a line are one. It bears the id of the one that nobody called over
// a line: where it began. The two ends are no parties and disappear from it (see Call.Lines); the legs of other exchanges
// say so (Leg.PBX), and their IDs begin with the exchange's name. A call that was given out before it turned out to be part
// of another gets a last picture that says MergedInto.
//
// Each exchange must give the pictures of its calls in order; how the streams of several interleave makes no difference, as
// long as none lags by more than linePatience. A lag beyond that, or an exchange that is not heard, costs what it knew:
// then an exchange's own record stands, until the other's pictures come.
//
// Methods may be used from any goroutine. They wait for nothing but follow, which is called by one at a time.
type Joint struct {
	follow func(context.Context, Call)

	mu     sync.Mutex // guards all below, and orders calls to follow
	parts  map[uuid.UUID]*part
	lines  map[string]*line // by Call-ID
	over   []*talk          // that have ended, oldest first
	closed bool
}

// part is a call as its exchange tells it.
type part struct {
	call     Call // the newest picture
	talk     *talk
	given    Call      // the last picture given out under its id; Version 0: none
	queuedAt time.Time // when it was in its queue first, by the exchange's clock
	moved    bool      // the exchange has found that it is part of another of its calls
	lost     bool      // its exchange seems not to be heard any more

	held    *time.Timer // it has arrived, and nothing else is known: whoever knows more may be about to say so
	waited  bool        // long enough
	overdue *time.Timer // a line of it has ended at the other end
}

// talk is a conversation: the parts that lines have shown to be one.
type talk struct {
	parts   []*part
	lines   []*line
	endedAt time.Time // our clock, when its end was given out last
	endings int       // how often it was
}

// line is a SIP dialog of which an exchange has one end, and perhaps another the other.
type line struct {
	id       string
	from, to *part       // who dialled, who was called; nil: not seen
	patience *time.Timer // for the one that was called
	outside  bool        // patience is over: it was somebody outside
}

// NewJoint makes a Joint that gives out pictures to follow.
func NewJoint(follow func(context.Context, Call)) *Joint {
	return &Joint{follow: follow, parts: make(map[uuid.UUID]*part), lines: make(map[string]*line)}
}

// Update takes the next picture of an exchange's call, and gives out what follows of it.
func (j *Joint) Update(ctx context.Context, call Call) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.forget(time.Now())
	p := j.parts[call.ID]
	if p == nil {
		p = &part{talk: &talk{}}
		p.talk.parts = []*part{p}
		j.parts[call.ID] = p
	}
	if call.Version <= p.call.Version {
		return
	}
	if call.Queue != p.call.Queue {
		p.queuedAt = time.UnixMicro(call.Version)
	}
	p.call, p.lost = call, false
	if call.MergedInto != uuid.Nil {
		j.merged(ctx, p)
		return
	}
	for i := range call.Legs {
		if l := &call.Legs[i]; l.Dialog != "" && l.Role == RoleCustomer {
			j.connect(p, l)
		}
	}
	j.give(ctx, p.talk, call.ReceivedAt)
}

// Close gives out what waits, and stops waiting for anything. Update should not be called any more.
func (j *Joint) Close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for _, l := range j.lines {
		l.outside = true
		stop(l.patience)
	}
	for _, p := range j.parts {
		p.waited = true
		stop(p.held)
		stop(p.overdue)
	}
	for _, p := range j.parts {
		if p.talk.primary() == p && p.given.State != StateEnded {
			j.give(context.Background(), p.talk, p.call.ReceivedAt)
		}
	}
}

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// after calls f in a while, unless the Joint is closed then.
func (j *Joint) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		if !j.closed {
			f()
		}
	})
}

// connect notes that a leg of a call is one end of a line.
func (j *Joint) connect(p *part, l *Leg) {
	n := j.lines[l.Dialog]
	if n == nil {
		n = &line{id: l.Dialog}
		j.lines[l.Dialog] = n
	}
	end := &n.to
	if l.Outgoing {
		end = &n.from
	}
	switch was := *end; {
	case was == p:
		return
	case was == nil:
	case was.call.PBX != p.call.PBX:
		return // a proxy has sent it to both
	default:
		was.moved = true
		j.unite(p.talk, was.talk)
	}
	*end = p
	switch {
	case n.from != nil && n.to != nil:
		stop(n.patience)
		j.unite(n.from.talk, n.to.talk)
		if t := p.talk; !slices.Contains(t.lines, n) {
			t.lines = append(t.lines, n)
		}
	case n.from != nil && n.patience == nil && l.EndedAt.IsZero() && !j.closed:
		n.patience = j.after(linePatience, func() {
			if n.outside = n.to == nil; n.outside && n.from != nil {
				j.give(context.Background(), n.from.talk, n.from.call.ReceivedAt)
			}
		})
	}
}

// unite makes two conversations one.
func (j *Joint) unite(a, b *talk) {
	if a == b {
		return
	}
	for _, p := range b.parts {
		p.talk = a
	}
	a.parts, a.lines = append(a.parts, b.parts...), append(a.lines, b.lines...)
	b.parts, b.lines = nil, nil
}

// merged handles the last picture of a call that its exchange has found to be part of another of its calls.
func (j *Joint) merged(ctx context.Context, p *part) {
	p.moved = true
	into := p.call.MergedInto
	if other := j.parts[into]; other != nil {
		j.unite(other.talk, p.talk)
		into = p.talk.primary().call.ID
	} else {
		j.ended(p.talk)
	}
	if p.given.Version == 0 || p.given.MergedInto != uuid.Nil {
		return
	}
	last := p.call
	if p.given.joined() {
		last = p.given.closed(time.UnixMicro(p.call.Version))
	}
	last.MergedInto = into
	j.out(ctx, p, last, p.call.ReceivedAt)
}

// joined tells whether a picture holds more than its exchange told of it.
func (c *Call) joined() bool {
	return len(c.Lines) > 0 || slices.ContainsFunc(c.Legs, func(l Leg) bool { return l.PBX != "" })
}

// closed is the last picture of a call that goes on as part of another.
func (c *Call) closed(at time.Time) Call {
	last := *c
	if last.State == StateEnded {
		return last
	}
	last.State, last.Outcome, last.EndedAt = StateEnded, Missed, maxTime(at, c.StartedAt, c.AnsweredAt).UTC()
	last.Hangup = Hangup{By: BySystem}
	last.Legs = slices.Clone(c.Legs)
	for i := range last.Legs {
		l := &last.Legs[i]
		if l.EndedAt.IsZero() {
			l.EndedAt, l.End = maxTime(at, l.OfferedAt, l.AnsweredAt).UTC(), EndTransferred
			l.closeSpans(l.EndedAt)
		}
		last.EndedAt = maxTime(last.EndedAt, l.EndedAt)
	}
	last.sumTalk()
	if !last.AnsweredAt.IsZero() {
		last.Outcome = Answered
	} else {
		last.Wait = last.EndedAt.Sub(last.StartedAt)
	}
	return last
}

// give gives out a conversation as it is now, unless there is nothing to say yet.
func (j *Joint) give(ctx context.Context, t *talk, received time.Time) {
	p := t.primary()
	if p == nil || j.hold(p) {
		return
	}
	c, ok := j.draw(t, p)
	if !ok || p.given.State == StateEnded && c.State != StateEnded {
		return
	}
	j.out(ctx, p, c, received)
	for _, q := range t.parts {
		if q != p && !q.moved && q.given.Version != 0 && q.given.MergedInto == uuid.Nil {
			last := q.given.closed(time.UnixMicro(q.call.Version))
			last.MergedInto = p.call.ID
			j.out(ctx, q, last, received)
		}
	}
	if c.State == StateEnded {
		j.ended(t)
		return
	}
	for _, q := range t.parts {
		if q != p && q.overdue == nil && !j.closed && t.stale(q) {
			q.overdue = j.after(lineGrace, func() {
				if q.overdue = nil; q.talk.stale(q) {
					q.lost = true
					j.give(context.Background(), q.talk, q.call.ReceivedAt)
				}
			})
		}
	}
}

// out gives out a picture under the id of a part.
func (j *Joint) out(ctx context.Context, p *part, c Call, received time.Time) {
	c.Version, c.ReceivedAt = max(c.Version, p.given.Version+1), received
	p.given = c
	j.follow(ctx, c)
}

// hold tells whether a call is better not told yet: it has arrived over a line, nobody has been asked to take it, and the
// exchange that sent it may be about to say what it is.
func (j *Joint) hold(p *part) bool {
	c := &p.call
	if p.waited || len(p.talk.parts) > 1 || len(c.Legs) > 1 || c.Queue != "" || c.State == StateEnded ||
		c.Legs[0].Role == RoleAgent || c.Legs[0].Outgoing || p.given.Version != 0 {
		return false
	}
	if p.held == nil {
		p.held = j.after(linePatience, func() {
			p.waited = true
			j.give(context.Background(), p.talk, p.call.ReceivedAt)
		})
	}
	return true
}

// ended notes that there is nothing more to expect of a conversation.
func (j *Joint) ended(t *talk) {
	t.endedAt = time.Now()
	t.endings++
	j.over = append(j.over, t)
}

// forget lets go of conversations that have long been over.
func (j *Joint) forget(now time.Time) {
	for len(j.over) > 0 {
		t := j.over[0]
		if now.Sub(t.endedAt) < joinMemory && len(j.over) <= maxOver {
			return
		}
		j.over = j.over[1:]
		if t.endings--; t.endings > 0 {
			continue // it has ended again since
		}
		for _, p := range t.parts {
			stop(p.held)
			stop(p.overdue)
			delete(j.parts, p.call.ID)
			for i := range p.call.Legs {
				if n := j.lines[p.call.Legs[i].Dialog]; n != nil && (n.from == p || n.to == p) {
					stop(n.patience)
					delete(j.lines, n.id)
				}
			}
		}
		t.parts, t.lines = nil, nil
	}
}

// primary is the part under whose id the conversation goes: one that nobody called over a line. Of several, as after a
// transfer, it is a customer's, or the oldest. It may be replaced by a better one only, as more becomes known.
func (t *talk) primary() *part {
	var best *part
	for _, p := range t.parts {
		if !p.moved && (best == nil || t.before(p, best)) {
			best = p
		}
	}
	return best
}

func (t *talk) before(a, b *part) bool {
	if called := t.absorbs(a, &a.call.Legs[0]); called != t.absorbs(b, &b.call.Legs[0]) {
		return !called
	}
	if customer := a.call.Legs[0].Role == RoleCustomer; customer != (b.call.Legs[0].Role == RoleCustomer) {
		return customer
	}
	if d := a.call.StartedAt.Compare(b.call.StartedAt); d != 0 {
		return d < 0
	}
	return bytes.Compare(a.call.ID[:], b.call.ID[:]) < 0
}

// lineOf is the line that a leg is one end of, nil if the other end is not known.
func (t *talk) lineOf(p *part, l *Leg) *line {
	if l.Dialog == "" || l.Role != RoleCustomer {
		return nil
	}
	for _, n := range t.lines {
		if n.id == l.Dialog && (l.Outgoing && n.from == p || !l.Outgoing && n.to == p) {
			return n
		}
	}
	return nil
}

// absorbs tells whether a leg is no party but a line to another part.
func (t *talk) absorbs(p *part, l *Leg) bool { return t.lineOf(p, l) != nil }

// stale tells whether a line of a part that goes on has ended at the other end.
func (t *talk) stale(p *part) bool {
	if p.call.State == StateEnded || p.moved || p.lost {
		return false
	}
	for _, n := range t.lines {
		if n.from != p && n.to != p {
			continue
		}
		here, there := n.end(true), n.end(false)
		if n.to == p {
			here, there = there, here
		}
		if here != nil && there != nil && here.EndedAt.IsZero() && !there.EndedAt.IsZero() {
			return true
		}
	}
	return false
}

// end is the leg at one end of a line; nil if that call does not have it any more.
func (n *line) end(outgoing bool) *Leg {
	p := n.to
	if outgoing {
		p = n.from
	}
	for i := range p.call.Legs {
		if l := &p.call.Legs[i]; l.Dialog == n.id && l.Outgoing == outgoing {
			return l
		}
	}
	return nil
}
