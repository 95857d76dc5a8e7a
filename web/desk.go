package web

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
	"ringbook/screenpop"
)

// DeskFrame is what the push socket writes: the whole desk, every time something about it changed.
type DeskFrame struct {
	Type   string    `json:"type" enum:"desk"`
	Seq    uint64    `json:"seq" doc:"grows by one with every frame of this socket, beginning with 1"`
	SentAt time.Time `json:"sent_at" doc:"the server's clock"`
	Desk   Desk      `json:"desk"`
}

// BeatFrame is what the push socket writes when it has written nothing for four seconds, if it was opened with ?beat=true:
// who hears nothing for long has lost the server.
type BeatFrame struct {
	Type   string    `json:"type" enum:"beat"`
	SentAt time.Time `json:"sent_at" doc:"the server's clock"`
}

// SeenFrame is what the browser answers when it has drawn a frame; that covers all frames before it.
type SeenFrame struct {
	Type string `json:"type" enum:"seen"`
	Seq  uint64 `json:"seq"`
}

// Desk is what an agent's desk shows right now.
type Desk struct {
	Agent crm.AgentRef `json:"agent"`
	AgentState
	Abilities DeskAbilities `json:"abilities" doc:"what the agent could begin now"`
	Calls     []Pop         `json:"calls" doc:"live ones first; one that has ended stays until it is dismissed or the next one ends"`
	FollowUps DeskFollowUps `json:"follow_ups"`
}

// DeskFollowUps is what is to be done today, and was to be done before.
type DeskFollowUps struct {
	Items   []DeskFollowUp `json:"items" doc:"at most 20, soonest first: the agent's own, and, while the agent is available, those that are due and are the team's or anyone's; of more the longest overdue, those that came due last, and the next"`
	Overdue int            `json:"overdue" doc:"how many of the agent's own are; 1000: or more"`
	Today   int            `json:"today" doc:"how many of the agent's own will be due today; 1000: or more"`
}

// DeskFollowUp is a follow-up that is open, as a desk shows it.
type DeskFollowUp struct {
	ID        uuid.UUID                `json:"id"`
	Kind      calllog.FollowUpKind     `json:"kind"`
	State     calllog.FollowUpState    `json:"state"`
	Priority  calllog.FollowUpPriority `json:"priority"`
	Title     string                   `json:"title"`
	Note      string                   `json:"note" doc:"its beginning"`
	DueAt     time.Time                `json:"due_at"`
	Until     *time.Time               `json:"until" doc:"when a callback that was not reached expires"`
	OfferedAt *time.Time               `json:"offered_at" doc:"when it was first shown as due, for this due_at; null: it is not due yet"`
	Number    string                   `json:"number" doc:"of a callback"`
	NumberRaw string                   `json:"number_raw"`
	Customer  *calllog.Customer        `json:"customer"`
	CallID    *uuid.UUID               `json:"call_id" doc:"of which it came"`
	Assignee  *Named                   `json:"assignee" doc:"whose it is; null: the team's, or anyone's"`
	Team      *Named                   `json:"team" doc:"whose it is; null: the assignee's, or anyone's"`
	ClaimedBy *Named                   `json:"claimed_by" doc:"in whose hands it is"`
	Tries     int                      `json:"tries" doc:"how often it was dialled"`
}

// Named is an agent or a team by name.
type Named struct {
	ID   uuid.UUID `json:"id"`
	Name string    `json:"name"`
}

// Pop is what a desk shows about a call.
type Pop struct {
	State     string         `json:"state" enum:"ringing,dialing,talking,held,ended,answered_elsewhere,missed" doc:"this desk's part in the call, which may differ from the call's own state"`
	Extension string         `json:"extension" doc:"the agent's phone that rings or talks"`
	Call      calllog.Record `json:"call"`

	QueueScript string `json:"queue_script" doc:"what to say to who comes by the call's queue; empty: nothing"`

	LookedUp   bool           `json:"looked_up" doc:"false while the look-up is under way or the database is away: the caller is unchecked, not unknown"`
	Rule       crm.Rule       `json:"rule"`
	Customer   *crm.Customer  `json:"customer"`
	Candidates []crm.Customer `json:"candidates" doc:"all that come into question, the customer first"`
	History    []PastCall     `json:"history" doc:"the last five calls, newest first"`
	FollowUps  []DeskFollowUp `json:"follow_ups" doc:"the open ones with the customer or the number, soonest first, at most five: what was promised"`

	OfferedAt     time.Time `json:"offered_at" doc:"when the call first came to this desk"`
	WaitedMS      int64     `json:"waited_ms" doc:"how long the caller had waited by then"`
	AnsweredBy    *Person   `json:"answered_by" doc:"who took the call that rang here"`
	TransferredBy *Person   `json:"transferred_by" doc:"who handed the call to this desk"`

	Abilities pbx.Abilities `json:"abilities" doc:"what the agent could do with the call now; empty: allowed, else the code why not"`
}

// Person is somebody in the house: an agent, or an extension that is nobody's.
type Person struct {
	AgentID   *uuid.UUID `json:"agent_id"`
	Name      string     `json:"name"`
	Extension string     `json:"extension"`
}

// PastCall is an earlier call with the same customer or number.
type PastCall struct {
	ID         uuid.UUID     `json:"id"`
	Direction  pbx.Direction `json:"direction"`
	State      pbx.State     `json:"state"`
	Outcome    *pbx.Outcome  `json:"outcome"`
	Number     string        `json:"number" doc:"of the party outside; empty: withheld, or there was none"`
	StartedAt  time.Time     `json:"started_at"`
	TalkMS     int64         `json:"talk_ms"`
	Queue      *string       `json:"queue"`
	QueueLabel *string       `json:"queue_label" doc:"what people call it; null: it came to none"`
	Agent      string        `json:"agent" doc:"who talked; empty if nobody"`
	Note       string        `json:"note"`
}

// desk is a picture of the board as the browser gets it.
func (s *Server) desk(d screenpop.Desk) Desk {
	out := Desk{Agent: d.Agent, AgentState: agentState(d.Presence), Calls: make([]Pop, len(d.Calls))}
	out.FollowUps = DeskFollowUps{Items: followUpsOf(d.FollowUps.Items), Overdue: d.FollowUps.Overdue, Today: d.FollowUps.Today}
	out.Agent.Extensions = list(out.Agent.Extensions)
	busy := false
	for i := range d.Calls {
		out.Calls[i] = s.pop(&d.Calls[i])
		out.Calls[i].Abilities = s.Acts.Abilities(d.Agent.ID, &d.Calls[i].Call)
		switch d.Calls[i].State {
		case screenpop.PopRinging, screenpop.PopDialing, screenpop.PopTalking:
			busy = true
		}
	}
	out.Abilities.Dial = s.Acts.CanDial(d.Agent, busy)
	return out
}

func (s *Server) pop(p *screenpop.Pop) Pop {
	out := Pop{
		State: string(p.State), Extension: p.Extension, Call: s.call(p),
		LookedUp: p.LookedUp, Rule: ruleOrNone(p.Rule), Customer: customerOrNil(p.Customer), Candidates: customers(p.Candidates),
		History: make([]PastCall, len(p.History)), FollowUps: followUpsOf(p.FollowUps),
		OfferedAt: millis(p.OfferedAt), WaitedMS: p.Waited().Milliseconds(),
		AnsweredBy: person(p.AnsweredBy), TransferredBy: person(p.TransferredBy),
	}
	if q := s.Store.Directory().Queue(p.Call.QueueExchange(), p.Call.Queue); q != nil {
		out.QueueScript = q.Script
	}
	for i, h := range p.History {
		out.History[i] = PastCall{
			ID: h.ID, Direction: h.Direction, State: h.State, Outcome: orNil(h.Outcome), Number: h.Number, StartedAt: millis(h.StartedAt),
			TalkMS: h.Talk.Milliseconds(), Queue: orNil(h.Queue), QueueLabel: orNil(s.Store.Directory().QueueLabel(h.QueueID, h.Queue)), Agent: h.Agent, Note: h.Note,
		}
	}
	return out
}

// followUpsOf are follow-ups of the board as the browser gets them.
func followUpsOf(list []screenpop.FollowUp) []DeskFollowUp {
	out := make([]DeskFollowUp, len(list))
	named := func(id uuid.UUID, name string) *Named {
		if id == uuid.Nil {
			return nil
		}
		return &Named{ID: id, Name: name}
	}
	for i := range list {
		f := &list[i]
		out[i] = DeskFollowUp{
			ID: f.ID, Kind: calllog.FollowUpKind(f.Kind), State: calllog.FollowUpState(f.State), Priority: calllog.FollowUpPriority(f.Priority),
			Title: f.Title, Note: f.Note, DueAt: f.DueAt, Until: timeOrNil(f.Until), OfferedAt: timeOrNil(f.OfferedAt),
			Number: f.Number, NumberRaw: f.NumberRaw, CallID: idOrNil(f.Call), Assignee: named(f.Assignee, f.AssigneeName),
			Team: named(f.Team, f.TeamName), ClaimedBy: named(f.ClaimedBy, f.ClaimedByName), Tries: f.Tries,
		}
		if f.Customer != uuid.Nil {
			out[i].Customer = &calllog.Customer{ID: f.Customer, Name: f.CustomerName}
		}
	}
	return out
}

// call is a live call in the form in which the log tells it.
func (s *Server) call(p *screenpop.Pop) calllog.Record {
	c := &p.Call
	r := calllog.Record{
		ID: c.ID, PBX: c.PBX, Direction: c.Direction, State: c.State, Outcome: orNil(c.Outcome),
		Caller:    calllog.Caller{Number: p.Caller.Key(), Raw: c.Caller.Number, Name: c.Caller.Name, Withheld: c.Caller.Withheld},
		Dialed:    calllog.Dialed{Number: p.Dialed.Key(), Raw: c.Dialed},
		Queue:     orNil(c.Queue),
		StartedAt: millis(c.StartedAt), AnsweredAt: timeOrNil(c.AnsweredAt), EndedAt: timeOrNil(c.EndedAt),
		WaitMS: c.Wait.Milliseconds(), TalkMS: c.Talk.Milliseconds(), HoldMS: c.Hold.Milliseconds(),
		Legs: make([]calllog.Leg, len(c.Legs)), Transfers: make([]calllog.Transfer, len(c.Transfers)),
		Match:      calllog.Match{Rule: ruleOrNone(p.Rule), Candidates: make([]calllog.Customer, len(p.Candidates))},
		Recordings: []calllog.Recording{}, Note: p.Note, FollowUps: []calllog.FollowUpRef{},
		Partial: c.Partial, Reconstructed: c.Reconstructed, EndedBefore: timeOrNil(c.EndedBefore), Source: pbx.SourceLive,
	}
	if c.Queue != "" {
		id := crm.QueueID(c.QueueExchange(), c.Queue)
		label := s.Store.Directory().QueueLabel(id, c.Queue)
		r.QueueID, r.QueueLabel = &id, &label
	}
	if d := p.Disposition; d != (screenpop.Disposition{}) {
		r.Disposition = &calllog.Disposition{ID: d.ID, Name: d.Name}
	}
	if c.State == pbx.StateEnded {
		r.Hangup = &calllog.Hangup{By: c.Hangup.By, Cause: c.Hangup.Cause, Text: c.Hangup.Text}
	}
	for i := range c.Legs {
		l := &c.Legs[i]
		r.Legs[i] = calllog.NewLeg(c, l)
		if l.Role != pbx.RoleAgent || l.Extension == "" {
			continue
		}
		if a, ok := s.Store.Directory().ByExtension(c.Exchange(l), l.Extension); ok {
			r.Legs[i].AgentID, r.Legs[i].Agent = &a.ID, a.Name
		}
	}
	for i, t := range c.Transfers {
		r.Transfers[i] = calllog.Transfer{Kind: t.Kind, At: millis(t.At), By: t.By, To: t.To, PBX: cmp.Or(t.PBX, c.PBX)}
	}
	if p.Customer != nil {
		r.Customer = &calllog.Customer{ID: p.Customer.ID, Name: p.Customer.Name}
	}
	for i := range p.Candidates {
		r.Match.Candidates[i] = calllog.Customer{ID: p.Candidates[i].ID, Name: p.Candidates[i].Name}
	}
	return r
}

// ruleOrNone is the rule of a caller who has not been looked up yet: nobody, so far.
func ruleOrNone(r crm.Rule) crm.Rule {
	if r == "" {
		return crm.RuleNone
	}
	return r
}

func person(p *screenpop.Person) *Person {
	if p == nil {
		return nil
	}
	return &Person{AgentID: idOrNil(p.AgentID), Name: p.Name, Extension: p.Extension}
}

// millis is t as the API tells times: UTC, in whole milliseconds.
func millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// timeOrNil is nil for what has not happened yet.
func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = millis(t)
	return &t
}

// orNil is nil for the zero value.
func orNil[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// DismissInput puts a call that has ended off the desk.
type DismissInput struct {
	CallID uuid.UUID `json:"call_id"`
}

type dismissInput struct{ Body DismissInput }

func (s *Server) dismiss(ctx context.Context, in *dismissInput) (*struct{}, error) {
	actor := actorOf(ctx)
	if !s.Board.Dismiss(actor.AgentID, in.Body.CallID) {
		return nil, crm.ErrNotFound
	}
	if err := s.Store.PutAway(ctx, actor, in.Body.CallID); err != nil {
		s.Log.WarnContext(ctx, "other nodes still show a call that was put away here", "err", err)
	}
	return nil, nil
}
