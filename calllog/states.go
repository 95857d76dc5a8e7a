package calllog

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
)

// Stretch is a time during which an agent was in one state.
type Stretch struct {
	State      crm.State  `json:"state"`
	From       time.Time  `json:"from" doc:"the beginning, or that of the range that was asked for"`
	To         *time.Time `json:"to" doc:"the end, or that of the range; null: goes on"`
	DurationMS int64      `json:"duration_ms" doc:"up to now, if it goes on"`
	Reason     *string    `json:"reason" doc:"of a pause"`
	ReasonEN   *string    `json:"reason_en" doc:"the same in English"`
	ReasonID   *uuid.UUID `json:"reason_id"`
	By         *crm.SetBy `json:"by" doc:"who chose it; null: it followed from a call"`
	CallID     *uuid.UUID `json:"call_id" doc:"of which it followed"`
}

// StateFilter says which stretches of an agent are wanted. To defaults to now, From to a week before it; they lie 400 days
// apart at the most.
type StateFilter struct {
	From, To time.Time
	Cursor   string
	Limit    int // 1 to 200; 0: 50
}

const (
	statesMost   = 400 * 24 * time.Hour
	statesWindow = 12 * time.Hour // looked at first; then twice as much, and so on
	// longestCall is how long before a moment a call of that moment may have begun. What is left of a longer one is told as if
	// the agent had been in no call.
	longestCall = 24 * time.Hour
)

// States tells what an agent was doing, newest first, without gaps from the agent's first choice on and without overlap:
// calls go before wrap-ups, and those before what was chosen. What follows from calls is worked out from their legs, so it
// is as right as the log is. The stretches are cut to the range. crm.ErrNotFound: no such agent in the actor's scope.
func (s *Store) States(ctx context.Context, a crm.Actor, agent uuid.UUID, f StateFilter) (crm.Page[Stretch], error) {
	var page crm.Page[Stretch]
	from, to, limit, err := f.check(agent)
	if err != nil {
		return page, err
	}
	cond, args := a.ScopeSQL(crm.StatesRead, "id", 2)
	var there bool
	err = s.db.Pool().QueryRow(ctx, `SELECT EXISTS (SELECT FROM agent WHERE id = $1 AND `+cond+`)`, append([]any{agent}, args...)...).Scan(&there)
	if err != nil {
		return page, fmt.Errorf("read the states of %s: %w", agent, err)
	}
	if !there {
		return page, fmt.Errorf("read the states of %s: %w", agent, crm.ErrNotFound)
	}
	for window := statesWindow; ; window *= 2 {
		low := to.Add(-window)
		if low.Before(from) {
			low = from
		}
		claims, now, err := s.claims(ctx, agent, low, to)
		if err != nil {
			return page, fmt.Errorf("read the states of %s: %w", agent, err)
		}
		list := settleClaims(claims, low, to, now)
		if !low.Equal(from) {
			if len(list) <= limit+1 { // the oldest may have begun before the window
				continue
			}
			list = list[:len(list)-1]
		}
		if len(list) > limit {
			list = list[:limit]
			next := stateCursor(agent, list[limit-1].From)
			page.Next = &next
		}
		page.Items = list
		return page, nil
	}
}

// check fills in what the filter leaves out, and puts the page's end where the cursor says.
func (f StateFilter) check(agent uuid.UUID) (from, to time.Time, limit int, err error) {
	var faults crm.FieldErrors
	add := func(field, problem string) { faults = append(faults, crm.FieldError{Field: field, Problem: problem}) }
	from, to, limit = f.From, f.To, cmp.Or(f.Limit, limitDefault)
	if to.IsZero() {
		to = time.Now().Add(time.Minute) // the database's clock may be ahead of ours
	}
	if from.IsZero() {
		from = to.Add(-7 * 24 * time.Hour)
	}
	switch {
	case from.Year() < 2000 || from.Year() > 2200:
		add("from", "is no time of ours")
	case to.Year() < 2000 || to.Year() > 2200:
		add("to", "is no time of ours")
	case !from.Before(to):
		add("to", "is not after from")
	case to.Sub(from) > statesMost:
		add("from", "is more than 400 days before to")
	}
	if limit < 1 || limit > limitMost {
		add("limit", "must be from 1 to "+strconv.Itoa(limitMost))
	}
	if f.Cursor != "" && len(faults) == 0 {
		at, ok := parseStateCursor(f.Cursor, agent)
		if !ok || !at.After(from) || at.After(to) {
			add("cursor", "is not one of this list")
		} else {
			to = at
		}
	}
	if len(faults) > 0 {
		return from, to, limit, faults
	}
	return from, to, limit, nil
}

// stateCursor is where a list goes on: what ended at that moment, or before. It is bound to the agent.
func stateCursor(agent uuid.UUID, at time.Time) string {
	return base64.RawURLEncoding.EncodeToString(strconv.AppendInt(agent[:16:16], at.UnixMicro(), 36))
}

func parseStateCursor(s string, agent uuid.UUID) (time.Time, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 17 || [16]byte(b[:16]) != agent {
		return time.Time{}, false
	}
	at, err := strconv.ParseInt(string(b[16:]), 36, 64)
	return time.UnixMicro(at).UTC(), err == nil
}

// claim is what one source says of an agent's state during a time.
type claim struct {
	from, to time.Time // to is zero: goes on
	rank     int       // the greatest counts; of equal ones the one that began first
	stretch  Stretch   // without times
}

// Ranks of claims.
const (
	rankChoice = iota
	rankWrapUp
	rankOffline // nobody is at the desk for a wrap-up
	rankRinging
	rankTalking
)

// claims reads all that say something of an agent's state between two times, and the database's clock.
func (s *Store) claims(ctx context.Context, agent uuid.UUID, from, to time.Time) (list []claim, now time.Time, err error) {
	b := &pgx.Batch{}
	b.Queue(`SELECT clock_timestamp()`).QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
	b.Queue(`
		SELECT c.since_at, c.until_at, c.state, c.reason_id, coalesce(r.label, c.reason), coalesce(nullif(r.label_en, ''), r.label, c.reason), c.set_by
		  FROM agent_choice c LEFT JOIN pause_reason r ON r.id = c.reason_id
		 WHERE c.agent_id = $1 AND c.since_at < $3 AND (c.until_at IS NULL OR c.until_at > $2)`, agent, from, to).Query(func(rows pgx.Rows) error {
		var since time.Time
		var until *time.Time
		var st Stretch
		var reason, reasonEN string
		var by crm.SetBy
		_, err := pgx.ForEachRow(rows, []any{&since, &until, &st.State, &st.ReasonID, &reason, &reasonEN, &by}, func() error {
			c := claim{from: since, rank: rankChoice, stretch: Stretch{State: st.State, By: &[]crm.SetBy{by}[0], ReasonID: st.ReasonID}}
			if st.State == crm.Offline {
				c.rank = rankOffline
			}
			if until != nil {
				c.to = *until
			}
			if reason != "" {
				c.stretch.Reason, c.stretch.ReasonEN = &[]string{reason}[0], &[]string{reasonEN}[0]
			}
			list = append(list, c)
			return nil
		})
		return err
	})
	b.Queue(`
		SELECT call_id, from_at, least(ended_at, until_at) FROM agent_wrap_up
		 WHERE agent_id = $1 AND from_at < $3 AND from_at > $2::timestamptz - $4::interval AND least(ended_at, until_at) > $2`,
		agent, from, to, longestCall).Query(func(rows pgx.Rows) error {
		var call uuid.UUID
		var c claim
		_, err := pgx.ForEachRow(rows, []any{&call, &c.from, &c.to}, func() error {
			list = append(list, claim{c.from, c.to, rankWrapUp, Stretch{State: crm.WrapUp, CallID: &[]uuid.UUID{call}[0]}})
			return nil
		})
		return err
	})
	// The legs of calls that were dialled are talked on from the beginning, as on the desk.
	b.Queue(`
		SELECT l.call_id, l.offered_at, l.answered_at, l.ended_at,
			c.direction = 'outbound' OR c.direction = 'internal' AND l.extension = c.caller_raw AND l.offered_at <= c.started_at
		  FROM call_agent ca JOIN call c ON c.id = ca.call_id AND c.id BETWEEN $5 AND $6
			JOIN call_leg l ON l.call_id = ca.call_id AND l.call_id BETWEEN $5 AND $6 AND l.agent_id = ca.agent_id
		 WHERE ca.call_id BETWEEN $5 AND $6 AND ca.agent_id = $1 AND ca.started_at < $3 AND ca.started_at > $2::timestamptz - $4::interval
		   AND l.role = 'agent' AND l.offered_at < $3 AND (l.ended_at IS NULL OR l.ended_at > $2)`,
		agent, from, to, longestCall, idAt(from.Add(-longestCall-astray)), idAt(to.Add(astray))).Query(func(rows pgx.Rows) error {
		var call uuid.UUID
		var offered time.Time
		var answered, ended *time.Time
		var dials bool
		_, err := pgx.ForEachRow(rows, []any{&call, &offered, &answered, &ended, &dials}, func() error {
			id := call
			add := func(state crm.State, rank int, from time.Time, to *time.Time) {
				c := claim{from: from, rank: rank, stretch: Stretch{State: state, CallID: &id}}
				if to != nil {
					c.to = *to
				}
				list = append(list, c)
			}
			switch {
			case dials:
				add(crm.Talking, rankTalking, offered, ended)
			case answered == nil:
				add(crm.Ringing, rankRinging, offered, ended)
			default:
				add(crm.Ringing, rankRinging, offered, answered)
				add(crm.Talking, rankTalking, *answered, ended)
			}
			return nil
		})
		return err
	})
	return list, now, s.db.Pool().SendBatch(ctx, b).Close()
}

// settleClaims makes one line of what several say, newest first, within a time. What goes on lasts until now.
func settleClaims(claims []claim, from, to, now time.Time) []Stretch {
	var edges []time.Time
	within := claims[:0]
	for _, c := range claims {
		if c.to.IsZero() || c.to.After(now) {
			c.to = now
		}
		if !c.from.Before(c.to) || !c.from.Before(to) || !c.to.After(from) {
			continue
		}
		within = append(within, c)
		edges = append(edges, later(c.from, from), earlier(c.to, to))
	}
	slices.SortFunc(edges, time.Time.Compare)
	edges = slices.CompactFunc(edges, time.Time.Equal)
	// In the order in which one goes before another: each piece of time is the first's that covers it.
	slices.SortStableFunc(within, func(a, b claim) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), a.from.Compare(b.from), a.to.Compare(b.to))
	})
	var list []Stretch
	last := -1
	for i := 1; i < len(edges); i++ {
		low, high := edges[i-1], edges[i]
		at := slices.IndexFunc(within, func(c claim) bool { return !c.from.After(low) && !c.to.Before(high) })
		if at < 0 {
			last = -1
			continue
		}
		if at != last {
			st := within[at].stretch
			st.From = low.UTC()
			list = append(list, st)
		}
		last = at
		st := &list[len(list)-1]
		st.DurationMS = high.Sub(st.From).Milliseconds()
		if end := high.UTC(); !end.Equal(now) {
			st.To = &end
		} else {
			st.To = nil
		}
	}
	slices.Reverse(list)
	return list
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
