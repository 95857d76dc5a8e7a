package web

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
)

// PhonePatch changes what it names and leaves the rest. Both take effect at once, for calls that ring as for those to
// come; a phone that was no agent's becomes one with its next call.
type PhonePatch struct {
	Extension Optional[string]    `json:"extension,omitempty" maxLength:"32" doc:"which extension it is; empty: not an agent's phone; null: as the rule says"`
	AgentID   Optional[uuid.UUID] `json:"agent_id,omitempty" doc:"to whom its extension is given; null: taken from whose it is"`
}

// PhoneChange is a phone after a change.
type PhoneChange struct {
	Phone    calllog.Phone `json:"phone"`
	Nameless int           `json:"nameless" doc:"calls of the last 30 days in which its part is nobody's, 10,000 at most: what namePhoneCalls would name; 0 while it is no agent's phone"`
}

// NamePhoneCallsInput says how far back a phone's calls are named.
type NamePhoneCallsInput struct {
	Days int `json:"days,omitempty" minimum:"1" maximum:"365" default:"30"`
}

// NamedCalls tells how many calls were named.
type NamedCalls struct {
	Calls int `json:"calls"`
}

// namedDays is how far back a change of a phone counts the calls that could be named.
const namedDays = 30

type listPhonesInput struct {
	Q      string `query:"q" maxLength:"200" doc:"parts of endpoint, extension or agent's name; all must occur"`
	Needy  bool   `query:"needy" doc:"only those whose calls are nobody's"`
	Cursor string `query:"cursor" maxLength:"1000"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type phonePageOutput struct{ Body crm.Page[calllog.Phone] }

func (s *Server) listPhones(ctx context.Context, in *listPhonesInput) (*phonePageOutput, error) {
	page, err := s.Calls.Phones(ctx, actorOf(ctx), calllog.PhoneFilter{
		Devices: s.devices(ctx), PBXs: s.exchangeNames(), Q: in.Q, Needy: in.Needy, Cursor: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	page.Items = list(page.Items)
	return &phonePageOutput{page}, nil
}

// devices are those that the exchanges know; of an exchange that does not answer, none.
func (s *Server) devices(ctx context.Context) []pbx.Device {
	if s.Devices == nil {
		return nil
	}
	return s.Devices(ctx)
}

func (s *Server) exchangeNames() []string {
	names := []string{}
	for _, p := range s.Exchanges() {
		names = append(names, p.Name)
	}
	return names
}

// PhonePath names a phone: PJSIP/1001 on the exchange main is /phones/main/PJSIP/1001.
type PhonePath struct {
	PBX        string `path:"pbx" maxLength:"100"`
	Technology string `path:"technology" maxLength:"20"`
	Name       string `path:"name" maxLength:"100"`
}

func (p PhonePath) endpoint() string { return p.Technology + "/" + p.Name }

type correctPhoneInput struct {
	PhonePath
	Body PhonePatch
}

type phoneChangeOutput struct{ Body PhoneChange }

func (s *Server) correctPhone(ctx context.Context, in *correctPhoneInput) (*phoneChangeOutput, error) {
	exchanges := s.exchangeNames()
	if !slices.Contains(exchanges, in.PBX) {
		return nil, crm.ErrNotFound
	}
	actor := actorOf(ctx)
	patch := crm.PhonePatch{ByRule: in.Body.Extension.Null, AgentID: in.Body.AgentID.OrZero(), OnlyHere: len(exchanges) > 1}
	if !patch.ByRule {
		patch.Extension = in.Body.Extension.OrZero()
	}
	id, err := s.Store.CorrectPhone(ctx, actor, in.PBX, in.endpoint(), patch)
	if err != nil {
		return nil, err
	}
	var out phoneChangeOutput
	if out.Body.Phone, err = s.Calls.Phone(ctx, actor, in.PBX, in.endpoint(), s.devices(ctx)); err != nil {
		return nil, err
	}
	if id.Agent != nil {
		out.Body.Nameless, err = s.Calls.Nameless(ctx, actor, in.PBX, in.endpoint(), namedDays)
	}
	return &out, err
}

type namePhoneCallsInput struct {
	PhonePath
	Body NamePhoneCallsInput
}

type namedCallsOutput struct{ Body NamedCalls }

func (s *Server) namePhoneCalls(ctx context.Context, in *namePhoneCallsInput) (*namedCallsOutput, error) {
	calls, err := s.Calls.NameCalls(ctx, actorOf(ctx), in.PBX, in.endpoint(), in.Body.Days)
	if err != nil {
		return nil, err
	}
	return &namedCallsOutput{NamedCalls{calls}}, nil
}
