package calllog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
)

// ActsConfig says on which exchanges people may act. DB, CRM and Calls are required.
type ActsConfig struct {
	DB        *db.DB
	CRM       *crm.Store
	Calls     *Store
	Exchanges []*pbx.Exchange // in the configured order
	// Context is the place in an exchange's dialplan where its agents' phones dial; nil: from-internal. Prefix are the
	// digits that they dial before a number outside; nil: none.
	Context func(pbx string) string
	Prefix  func(pbx string) string
	Log     *slog.Logger // nil: nothing is logged
}

// Acts does with calls what agents ask for: places them, hangs up, holds, transfers. Everything is permitted, judged by the
// rules of dialling and audited here; the exchange does it. A thing that is not done is a *pbx.Refusal, a
// crm.FieldErrors, crm.ErrForbidden or crm.ErrNotFound. Safe for concurrent use.
type Acts struct {
	cfg ActsConfig
	log *slog.Logger
}

// NewActs makes no connection and does no I/O.
func NewActs(c ActsConfig) *Acts {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Acts{cfg: c, log: c.Log}
}

// DefaultContext is where the phones of FreePBX and Issabel dial.
const DefaultContext = "from-internal"

// context is where the phones of an exchange dial.
func (s *Acts) context(exchange string) string {
	if s.cfg.Context == nil {
		return DefaultContext
	}
	return cmp.Or(s.cfg.Context(exchange), DefaultContext)
}

func (s *Acts) exchange(name string) *pbx.Exchange {
	for _, x := range s.cfg.Exchanges {
		if x.Name() == name {
			return x
		}
	}
	return nil
}

// Through is the exchange through which the actor acts on a live call; empty: the actor has no part in it.
func (s *Acts) Through(a crm.Actor, c pbx.Call) string {
	p, err := s.part(a, &c)
	if err != nil {
		return ""
	}
	return p.exchange.Name()
}

// Reach is the extension at which an agent would be called on an exchange, empty: on any, and why that is not possible now;
// empty: it is.
func (s *Acts) Reach(agent crm.AgentRef, exchange string) (extension string, away pbx.Code) {
	away = pbx.NoDestination
	for _, x := range s.cfg.Exchanges {
		if exchange != "" && exchange != x.Name() {
			continue
		}
		switch e, code := s.reach(agent, x.Name()); {
		case code == "":
			return e, ""
		case extension == "":
			extension, away = e, code
		}
	}
	return extension, away
}

// Colleagues are the agents with a phone whom the actor could hand a call to, by name; q are parts of name, username or
// extension, all of which must occur. Not the actor.
func (s *Acts) Colleagues(a crm.Actor, q string) []crm.AgentRef {
	words := strings.Fields(crm.Fold(q))
	list := []crm.AgentRef{}
	for _, agent := range s.cfg.CRM.Directory().Agents() {
		if agent.ID == a.AgentID || len(agent.Extensions) == 0 {
			continue
		}
		text := crm.Fold(agent.Name + " " + agent.Username + " " + strings.Join(agent.Extensions, " "))
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			list = append(list, agent)
		}
	}
	return list
}

// TestDialling says what the rules say about a number for a role.
func (s *Acts) TestDialling(ctx context.Context, a crm.Actor, number string, role crm.Role) (crm.DialVerdict, error) {
	if err := a.Require(crm.DiallingManage); err != nil {
		return crm.DialVerdict{}, err
	}
	rules, err := s.cfg.CRM.Dialling(ctx, a)
	if err != nil {
		return crm.DialVerdict{}, err
	}
	name := ""
	if len(s.cfg.Exchanges) > 0 {
		name = s.cfg.Exchanges[0].Name()
	}
	n, internal, err := s.number(name, number)
	if err != nil {
		return crm.DialVerdict{}, err
	}
	return rules.Judge(n, s.cfg.CRM.Numbering().Rules(name, ""), role, internal), nil
}

// number reads what somebody wants to call. internal says that it is an agent's extension.
func (s *Acts) number(exchange, text string) (n crm.Number, internal bool, err error) {
	rules := s.cfg.CRM.Numbering().Rules(exchange, "")
	rules.Strip, rules.Add = nil, "" // those are of lines
	n = crm.ParseNumber(text, rules)
	if n.Dialled(rules) == "" || len(n.Dialled(rules)) > 32 {
		return n, false, crm.FieldErrors{{Field: "number", Problem: "is not a number that can be dialled"}}
	}
	_, internal = s.cfg.CRM.Directory().ByExtension(exchange, n.Dialled(rules))
	return n, internal, nil
}

// part is an agent's own part in a live call: what is acted through.
type part struct {
	call     *pbx.Call
	leg      *pbx.Leg
	agent    crm.AgentRef
	exchange *pbx.Exchange
	channel  string
}

// part finds the leg of a call that the actor may act through: the actor's own, else that of an agent whom the permission
// covers. crm.ErrNotFound when the actor has nothing to do with the call.
func (s *Acts) part(a crm.Actor, c *pbx.Call) (part, error) {
	var best part
	seen, away := false, false
	rank := func(p part) int {
		n := 0
		if p.agent.ID == a.AgentID {
			n += 4
		}
		if !p.leg.AnsweredAt.IsZero() {
			n += 2
		}
		return n
	}
	for i := range c.Legs {
		l := &c.Legs[i]
		if l.Role != pbx.RoleAgent || l.Extension == "" {
			continue
		}
		agent, ok := s.cfg.CRM.Directory().ByExtension(c.Exchange(l), l.Extension)
		if !ok && a.Scope(crm.CallsControl) != crm.ScopeAll || !a.Covers(crm.CallsControl, agent) {
			continue
		}
		seen = true
		if !l.EndedAt.IsZero() {
			continue
		}
		name, channel := c.ChannelOf(l)
		p := part{c, l, agent, s.exchange(name), channel}
		away = away || p.exchange == nil
		if p.exchange != nil && (best.leg == nil || rank(p) > rank(best)) {
			best = p
		}
	}
	switch {
	case !a.Can(crm.CallsControl):
		return best, fmt.Errorf("%s: %w", crm.CallsControl, crm.ErrForbidden)
	case best.leg != nil:
		return best, nil
	case away: // the exchange is configured no more
		return best, &pbx.Refusal{Code: pbx.PBXAway}
	case seen:
		return best, &pbx.Refusal{Code: pbx.CallEnded}
	}
	return best, crm.ErrNotFound
}

// HangUp ends the call: for an agent the own part, which ends it unless others talk on.
func (s *Acts) HangUp(ctx context.Context, a crm.Actor, c pbx.Call) error {
	p, err := s.part(a, &c)
	if err != nil {
		return err
	}
	if err := p.exchange.HangUp(ctx, p.channel); err != nil {
		return err
	}
	s.audit(ctx, a, "hang_up", p, nil)
	return nil
}

// Destination is where a call is transferred to. Exactly one of the last three is set.
type Destination struct {
	Kind    pbx.TransferKind
	AgentID *uuid.UUID
	QueueID *uuid.UUID
	Number  string
}

// Transfer hands a call over, or begins to ask somebody who may take it. To a number it is judged by the rules of dialling.
func (s *Acts) Transfer(ctx context.Context, a crm.Actor, c pbx.Call, to Destination) error {
	p, err := s.part(a, &c)
	if err != nil {
		return err
	}
	number, whom, err := s.destination(ctx, a, p, to)
	if err != nil {
		return err
	}
	able := p.exchange.Abilities(p.call, p.leg)
	code, transfer := able.Blind, p.exchange.BlindTransfer
	if to.Kind == pbx.Attended {
		code, transfer = able.Attended, p.exchange.AttendedTransfer
	}
	if code != "" {
		return &pbx.Refusal{Code: code}
	}
	whom["kind"] = to.Kind
	return s.told(ctx, a, "transfer", p, whom, transfer(ctx, p.call, p.leg, s.context(p.exchange.Name()), number))
}

// destination is the number that leads to where a call is to be transferred, and what the audit says of it.
func (s *Acts) destination(ctx context.Context, a crm.Actor, p part, to Destination) (number string, whom map[string]any, err error) {
	named := 0
	for _, is := range []bool{to.AgentID != nil, to.QueueID != nil, strings.TrimSpace(to.Number) != ""} {
		if is {
			named++
		}
	}
	if named != 1 {
		return "", nil, crm.FieldErrors{{Field: "number", Problem: "say one destination: an agent, a queue or a number"}}
	}
	exchange := p.exchange.Name()
	switch {
	case to.AgentID != nil:
		agent, ok := s.cfg.CRM.Directory().Agent(*to.AgentID)
		if !ok {
			return "", nil, crm.FieldErrors{{Field: "agent_id", Problem: "there is no such agent"}}
		}
		if agent.ID == p.agent.ID {
			return "", nil, &pbx.Refusal{Code: pbx.ToYourself}
		}
		number, code := s.reach(agent, exchange)
		if code != "" {
			return "", nil, &pbx.Refusal{Code: code}
		}
		return number, map[string]any{"to": agent.Username}, nil
	case to.QueueID != nil:
		q, err := s.cfg.CRM.Queue(ctx, a, *to.QueueID)
		if errors.Is(err, crm.ErrNotFound) {
			return "", nil, crm.FieldErrors{{Field: "queue_id", Problem: "there is no such queue"}}
		}
		if err != nil {
			return "", nil, err
		}
		number, ok := QueueNumber(q)
		if !ok || q.PBX != exchange {
			return "", nil, &pbx.Refusal{Code: pbx.NoDestination}
		}
		return number, map[string]any{"to": q.Name}, nil
	}
	n, internal, err := s.number(exchange, to.Number)
	if err != nil {
		return "", nil, err
	}
	rules, err := s.cfg.CRM.Dialling(ctx, a)
	if err != nil {
		return "", nil, err
	}
	verdict := rules.Judge(n, s.cfg.CRM.Numbering().Rules(exchange, ""), a.Role, internal)
	switch {
	case verdict.Dialled == p.leg.Extension:
		return "", nil, &pbx.Refusal{Code: pbx.ToYourself}
	case !verdict.Allowed:
		return "", nil, &pbx.Refusal{Code: pbx.Forbidden}
	}
	return s.dialled(exchange, verdict), map[string]any{"to": verdict.Number}, nil
}

// reach is the extension by which a colleague is called on an exchange; code says why none can be.
func (s *Acts) reach(agent crm.AgentRef, exchange string) (extension string, code pbx.Code) {
	code = pbx.NoDestination
	x := s.exchange(exchange)
	for _, e := range agent.Extensions {
		number, on, _ := strings.Cut(e, "@")
		if on != "" && on != exchange {
			continue
		}
		switch x.CanDial(number) {
		case "":
			return number, ""
		case pbx.PBXAway:
			extension, code = number, pbx.PBXAway
		case pbx.PhoneOffline:
			extension, code = number, pbx.DestinationOffline
		}
	}
	return extension, code
}

// QueueNumber is what is dialled to come into a queue from inside: its name, where that is one, as FreePBX has it, else the
// shortest of the numbers that lead there.
func QueueNumber(q crm.Queue) (string, bool) {
	if q.Name != "" && strings.Trim(q.Name, "0123456789") == "" {
		return q.Name, true
	}
	best := ""
	for _, n := range q.Numbers {
		if len(n) <= 6 && strings.Trim(n, "0123456789") == "" && (best == "" || len(n) < len(best)) {
			best = n
		}
	}
	return best, best != ""
}

// CompleteTransfer gives the call to the one who is being asked: the agent's own part ends.
func (s *Acts) CompleteTransfer(ctx context.Context, a crm.Actor, c pbx.Call) error {
	p, err := s.part(a, &c)
	if err != nil {
		return err
	}
	if code := p.exchange.Abilities(p.call, p.leg).Complete; code != "" {
		return &pbx.Refusal{Code: code}
	}
	if err := p.exchange.HangUp(ctx, p.channel); err != nil {
		return err
	}
	s.audit(ctx, a, "complete_transfer", p, nil)
	return nil
}

// CancelTransfer goes back to the call: whoever is being asked is hung up.
func (s *Acts) CancelTransfer(ctx context.Context, a crm.Actor, c pbx.Call) error {
	p, err := s.part(a, &c)
	if err != nil {
		return err
	}
	if code := p.exchange.Abilities(p.call, p.leg).Cancel; code != "" {
		return &pbx.Refusal{Code: code}
	}
	return s.told(ctx, a, "cancel_transfer", p, map[string]any{}, p.exchange.CancelTransfer(ctx, p.call, p.leg))
}

// Hold puts the other party on hold, or takes them back.
func (s *Acts) Hold(ctx context.Context, a crm.Actor, c pbx.Call, held bool) error {
	p, err := s.part(a, &c)
	if err != nil {
		return err
	}
	if code := p.exchange.Abilities(p.call, p.leg).Hold; code != "" {
		return &pbx.Refusal{Code: code}
	}
	action := "resume"
	if held {
		action = "hold"
	}
	return s.told(ctx, a, action, p, map[string]any{}, p.exchange.Hold(ctx, p.call, p.leg, held))
}

// told audits what the exchange has done, and what it may have done, and gives its answer back.
func (s *Acts) told(ctx context.Context, a crm.Actor, action string, p part, what map[string]any, answer error) error {
	switch {
	case answer == nil:
	case pbx.Refused(answer) == pbx.PerhapsDone:
		what["perhaps"] = true
	default:
		return answer
	}
	s.audit(ctx, a, action, p, what)
	return answer
}

// refuse is nil for the empty code.
func refuse(code pbx.Code) error {
	if code == "" {
		return nil
	}
	return &pbx.Refusal{Code: code}
}

// Abilities tell what the agent could do with a call now. Without I/O, for every picture of a desk.
func (s *Acts) Abilities(agent uuid.UUID, c *pbx.Call) pbx.Abilities {
	p, err := s.part(crm.Actor{AgentID: agent, Role: crm.RoleAgent}, c)
	if err != nil {
		code := cmp.Or(pbx.Refused(err), pbx.CallEnded)
		return pbx.Abilities{HangUp: code, Hold: code, Blind: code, Attended: code, Complete: code, Cancel: code}
	}
	return p.exchange.Abilities(c, p.leg)
}

// CanDial tells whether an agent could place a call now; without I/O. busy says that a phone of theirs rings or talks.
func (s *Acts) CanDial(agent crm.AgentRef, busy bool) pbx.Code {
	why := pbx.NoPhone
	for _, e := range agent.Extensions {
		extension, on, _ := strings.Cut(e, "@")
		for _, x := range s.cfg.Exchanges {
			if on != "" && on != x.Name() {
				continue
			}
			switch code := x.CanDial(extension); {
			case code == "" && busy:
				return pbx.PhoneBusy
			case code == "":
				return ""
			case why == pbx.NoPhone || why == pbx.PBXAway:
				why = code
			}
		}
	}
	return why
}

// audit keeps who did what to which call.
func (s *Acts) audit(ctx context.Context, a crm.Actor, action string, p part, what map[string]any) {
	if what == nil {
		what = map[string]any{}
	}
	what["extension"] = p.leg.Extension
	if p.agent.ID != a.AgentID {
		what["agent"] = p.agent.Username
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := s.cfg.DB.InTx(ctx, func(tx pgx.Tx) error {
		return crm.AuditTx(ctx, tx, a, action, EventCall, p.call.ID.String(), what)
	})
	if err != nil {
		// The call has been acted upon, and a database that is away must not keep anybody from hanging up.
		s.log.ErrorContext(ctx, "an act on a call is not in the audit", "action", action, "call", p.call.ID, "agent", a.AgentID, "err", err)
	}
}
