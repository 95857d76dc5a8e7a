package calllog

import (
	"cmp"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"ringbook/pbx"
)

// Limits of what is kept of a text that came from a PBX, in bytes. An index holds at most 2,704 bytes in a row.
const (
	shortText = 256
	longText  = 1024
)

// astray is how far a call's beginning may be from the time that its id tells: more than any call lasts that is joined in its
// middle and completed later. Where the beginning of a call is known its id is so too, within that.
const astray = 7 * 24 * time.Hour

// idTime is when the first channel of a call was made, which its id tells.
func idTime(id uuid.UUID) time.Time {
	var b [8]byte
	copy(b[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b[:])))
}

// idAt is the least id that a call can have whose first channel was made then; of a time without such ids the next that has.
// SQL's call_id_at is the same.
func idAt(t time.Time) (id uuid.UUID) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(min(max(t.UnixMilli(), 0), 1<<48-1)))
	copy(id[:6], b[2:])
	return id
}

// clean returns a copy of the call that PostgreSQL takes whatever the PBX said: texts are valid UTF-8 without NUL
// and not endless, times are such as JSON and PostgreSQL can tell.
func clean(c pbx.Call) pbx.Call {
	c.PBX, c.Trunk, c.Queue = text(c.PBX, shortText), text(c.Trunk, shortText), text(c.Queue, shortText)
	c.QueuePBX = text(c.QueuePBX, shortText)
	c.CustomerRef, c.Dialed = text(c.CustomerRef, shortText), text(c.Dialed, shortText)
	c.Caller.Number, c.Caller.Name = text(c.Caller.Number, shortText), text(c.Caller.Name, longText)
	c.Hangup.Text = text(c.Hangup.Text, longText)
	c.Hangup.Cause = int(int32(c.Hangup.Cause))
	c.Direction, c.State = pbx.Direction(text(string(c.Direction), shortText)), pbx.State(text(string(c.State), shortText))
	c.Outcome = pbx.Outcome(text(string(c.Outcome), shortText))
	c.Hangup.By = pbx.HangupBy(text(string(c.Hangup.By), shortText))

	made := idTime(c.ID)
	if c.StartedAt = moment(c.StartedAt); c.StartedAt.IsZero() || c.StartedAt.Sub(made).Abs() > astray {
		c.StartedAt = moment(made)
	}
	c.AnsweredAt, c.EndedAt, c.EndedBefore = moment(c.AnsweredAt), moment(c.EndedAt), moment(c.EndedBefore)
	if c.State == pbx.StateEnded && c.EndedAt.IsZero() {
		c.EndedAt = c.StartedAt
	}

	c.Legs, c.Lines = cleanLegs(c.Legs, c.StartedAt), cleanLegs(c.Lines, c.StartedAt)
	transfers := make([]pbx.Transfer, len(c.Transfers))
	for i, t := range c.Transfers {
		t.Kind = pbx.TransferKind(text(string(t.Kind), shortText))
		t.By, t.To, t.PBX = text(t.By, shortText), text(t.To, shortText), text(cmp.Or(t.PBX, c.PBX), shortText)
		if t.At = moment(t.At); t.At.IsZero() {
			t.At = c.StartedAt
		}
		transfers[i] = t
	}
	c.Transfers = transfers
	return c
}

// cleanLegs does the same with the legs of a call that began then.
func cleanLegs(dirty []pbx.Leg, began time.Time) []pbx.Leg {
	legs := make([]pbx.Leg, len(dirty))
	for i, l := range dirty {
		l.ID, l.Channel, l.Parent = text(l.ID, shortText), text(l.Channel, longText), text(l.Parent, shortText)
		l.Extension, l.Number, l.PBX = text(l.Extension, shortText), text(l.Number, shortText), text(l.PBX, shortText)
		l.Role, l.End = pbx.Role(text(string(l.Role), shortText)), pbx.LegEnd(text(string(l.End), shortText))
		l.OfferedAt, l.AnsweredAt, l.EndedAt = moment(l.OfferedAt), moment(l.AnsweredAt), moment(l.EndedAt)
		if l.OfferedAt.IsZero() {
			l.OfferedAt = began
		}
		spans := make([]pbx.Span, 0, len(l.Spans))
		for _, s := range l.Spans {
			s.Kind, s.From, s.To = pbx.SpanKind(text(string(s.Kind), shortText)), moment(s.From), moment(s.To)
			if !s.From.IsZero() {
				spans = append(spans, s)
			}
		}
		l.Spans = spans
		legs[i] = l
	}
	return legs
}

// text makes s valid UTF-8 without NUL, of at most n bytes and whole characters.
func text(s string, n int) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return s
}

// moment is t in UTC and whole microseconds, as PostgreSQL keeps it; zero if no telephone call can have been then.
func moment(t time.Time) time.Time {
	if y := t.Year(); y < 1970 || y > 9000 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
