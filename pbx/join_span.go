package pbx

import (
	"slices"
	"time"
)

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

// sumTalk adds the talk of the legs up, as everywhere: of agents; in an internal call of those that were called.
func (c *Call) sumTalk() {
	c.Talk = 0
	for i, l := range c.Legs {
		if l.Role == RoleAgent && (i > 0 || c.Direction != Internal) {
			c.Talk += l.Talk
		}
	}
}
