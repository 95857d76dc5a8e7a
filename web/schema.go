package web

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
)

// names are those types whose name in the document is not their own: the API's call is what the log calls a record.
var names = map[reflect.Type]string{
	reflect.TypeFor[calllog.Record]():          "Call",
	reflect.TypeFor[calllog.Page]():            "CallPage",
	reflect.TypeFor[calllog.Match]():           "CallMatch",
	reflect.TypeFor[calllog.Customer]():        "CustomerRef",
	reflect.TypeFor[calllog.Disposition]():     "DispositionRef",
	reflect.TypeFor[calllog.Recording]():       "RecordingRef",
	reflect.TypeFor[crm.Page[crm.Customer]]():  "CustomerPage",
	reflect.TypeFor[crm.Page[crm.Agent]]():     "AgentPage",
	reflect.TypeFor[crm.Page[calllog.Phone]](): "PhonePage",
	reflect.TypeFor[crm.Correction]():          "PhoneCorrection",
	reflect.TypeFor[crm.Page[crm.Team]]():      "TeamPage",
	reflect.TypeFor[crm.Page[Queue]]():         "QueuePage",
	reflect.TypeFor[crm.Page[crm.Token]]():     "TokenPage",
	reflect.TypeFor[crm.Page[crm.Session]]():   "SessionPage",
	reflect.TypeFor[huma.ErrorModel]():         "Problem",
	reflect.TypeFor[huma.ErrorDetail]():        "ProblemDetail",

	reflect.TypeFor[calllog.Filter]():             "CallFilter",
	reflect.TypeFor[crm.Page[calllog.Export]]():   "ExportPage",
	reflect.TypeFor[crm.Page[calllog.FollowUp]](): "FollowUpPage",
	reflect.TypeFor[crm.Page[SavedView]]():        "SavedViewPage",
	reflect.TypeFor[crm.Page[Standing]]():         "StandingPage",
	reflect.TypeFor[crm.Page[crm.PauseReason]]():  "PauseReasonPage",
	reflect.TypeFor[crm.Page[calllog.Stretch]]():  "StateStretchPage",
	reflect.TypeFor[calllog.Stretch]():            "StateStretch",

	reflect.TypeFor[crm.Page[crm.Wallboard]](): "WallboardPage",
	reflect.TypeFor[crm.Wallboard]():           "WallboardKey",
}

// enums are the values of our string types, in the order in which the document lists them.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[pbx.Direction]():     {pbx.Inbound, pbx.Outbound, pbx.Internal},
	reflect.TypeFor[pbx.State]():         {pbx.StateRinging, pbx.StateQueued, pbx.StateTalking, pbx.StateHeld, pbx.StateEnded},
	reflect.TypeFor[pbx.Outcome]():       {pbx.Answered, pbx.Missed, pbx.Abandoned, pbx.Busy, pbx.Failed, pbx.Voicemail, pbx.Cancelled},
	reflect.TypeFor[pbx.Role]():          {pbx.RoleCustomer, pbx.RoleAgent},
	reflect.TypeFor[pbx.LegEnd]():        {pbx.EndHungUp, pbx.EndAnsweredElsewhere, pbx.EndNoAnswer, pbx.EndBusy, pbx.EndDeclined, pbx.EndTransferred, pbx.EndFailed, pbx.EndCancelled, pbx.EndLost},
	reflect.TypeFor[pbx.SpanKind]():      {pbx.SpanTalk, pbx.SpanHold, pbx.SpanHeld},
	reflect.TypeFor[pbx.HangupBy]():      {pbx.ByCaller, pbx.ByAgent, pbx.BySystem},
	reflect.TypeFor[pbx.MemberStatus]():  {pbx.MemberUnknown, pbx.MemberFree, pbx.MemberInUse, pbx.MemberBusy, pbx.MemberInvalid, pbx.MemberUnavailable, pbx.MemberRinging, pbx.MemberHeld},
	reflect.TypeFor[pbx.DeviceState]():   {pbx.DeviceOnline, pbx.DeviceOffline, pbx.DeviceUnknown},
	reflect.TypeFor[calllog.PhoneKind](): {calllog.PhoneNobody, calllog.PhoneUnknown, calllog.PhoneAgent, calllog.PhoneLine},
	reflect.TypeFor[pbx.GapReason]():     {pbx.GapDisconnected, pbx.GapDeaf, pbx.GapOverflow, pbx.GapReplaced, pbx.GapStopped, pbx.GapKilled, pbx.GapRestarted},
	reflect.TypeFor[pbx.TransferKind]():  {pbx.Blind, pbx.Attended},
	reflect.TypeFor[crm.Rule]():          {crm.RuleIVR, crm.RuleLinked, crm.RuleExact, crm.RuleShared, crm.RuleNone, crm.RuleWithheld},
	reflect.TypeFor[crm.State]():         {crm.Available, crm.Ringing, crm.Talking, crm.WrapUp, crm.Paused, crm.Offline},
	reflect.TypeFor[crm.SetBy]():         {crm.ByDesk, crm.ByPhone, crm.BySupervisor, crm.BySystem},
	reflect.TypeFor[crm.Role]():          {crm.RoleAgent, crm.RoleSales, crm.RoleSupervisor, crm.RoleAdmin},
	reflect.TypeFor[crm.CustomerKind]():  {crm.Person, crm.Organization},
	reflect.TypeFor[crm.DialClass]():     values(crm.DialClasses()),
	reflect.TypeFor[pbx.Code]():          append([]any{pbx.Code("")}, values(pbx.Codes())...),
	reflect.TypeFor[crm.NumberKind]():    {crm.KindE164, crm.KindNational, crm.KindShort, crm.KindText, crm.KindWithheld},

	reflect.TypeFor[calllog.FollowUpKind]():     {calllog.FollowUpTask, calllog.FollowUpCallback},
	reflect.TypeFor[calllog.FollowUpPriority](): {calllog.PriorityLow, calllog.PriorityNormal, calllog.PriorityHigh},
	reflect.TypeFor[calllog.FollowUpState]():    values(calllog.FollowUpStates()),

	reflect.TypeFor[calllog.ExportFormat]():  {calllog.ExportCSV, calllog.ExportXLSX},
	reflect.TypeFor[calllog.Calendar]():      {calllog.CalendarJalali, calllog.CalendarGregorian},
	reflect.TypeFor[calllog.ExportState]():   {calllog.ExportReady, calllog.ExportRunning, calllog.ExportDone, calllog.ExportFailed, calllog.ExportCancelled},
	reflect.TypeFor[calllog.ExportProblem](): {calllog.ExportNotFetched, calllog.ExportBroken, calllog.ExportStalled, calllog.ExportStopped, calllog.ExportRevoked, calllog.ExportDatabase, calllog.ExportProblem("")},
}

func values[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// describeCodes adds the code of a refusal, which most problems do not have, to what the document says about problems.
func describeCodes(s *schemas) {
	problem := s.Map()["Problem"]
	problem.Properties["code"] = &huma.Schema{
		Type: huma.TypeString, Enum: plainStrings(append(values(pbx.Codes()), values(calllog.FollowUpCodes())...)),
		Description: "why something was not done to a call, a follow-up or a missed call",
	}
	problem.Properties["claimed_by"] = &huma.Schema{
		AnyOf:       []*huma.Schema{{Ref: s.Schema(reflect.TypeFor[crm.AgentRef](), true, "").Ref}, {Type: "null"}},
		Description: "who has the follow-up, or the missed call, in hand",
	}
}

// schemas derives the document's schemas from Go types. What huma leaves out is added by refine.
type schemas struct {
	huma.Registry
	types map[string]reflect.Type // by name in the document
}

func newSchemas() *schemas {
	s := &schemas{types: map[string]reflect.Type{}}
	s.Registry = huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, hint string) string {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		name := names[t]
		if name == "" {
			name = huma.DefaultSchemaNamer(t, hint)
		}
		if t.Kind() == reflect.Struct {
			s.types[name] = t
		}
		return name
	})
	return s
}

// noNUL is a regular expression that both Go and ECMAScript read. PostgreSQL cannot store a NUL.
const noNUL = `^[^\x00]*$`

// refine completes the schemas once all are there: the values of enumerations, which members may be null, the format
// of ids, that lists are never null, and that no text which a client sends may hold a NUL.
func (s *schemas) refine() {
	for name, schema := range s.Map() {
		t, ok := s.types[name]
		if !ok {
			continue
		}
		sent := strings.HasSuffix(name, "Input") || strings.HasSuffix(name, "Patch") || name == "CallFilter" || name == "Credentials" || name == "PasswordChange"
		for _, f := range reflect.VisibleFields(t) {
			property, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			p := schema.Properties[property]
			if p == nil || f.Anonymous {
				continue
			}
			schema.Properties[property] = refined(p, f.Type, strings.Contains(options, "omitempty"), sent)
		}
		schema.PrecomputeMessages()
	}
}

// refined is one member's schema completed. A pointer that is always written may be null.
func refined(p *huma.Schema, t reflect.Type, optional, sent bool) *huma.Schema {
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	switch {
	case p.Ref != "" && pointer && !optional:
		return &huma.Schema{AnyOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}, Description: p.Description}
	case p.Ref != "":
		return p
	case p.Type == huma.TypeArray:
		if value := valueOf(t); value != nil { // an Optional, which may be null
			t = value
		} else {
			p.Nullable = false
		}
		p.Items = refined(p.Items, t.Elem(), false, sent)
	case p.Type == huma.TypeString:
		if pointer && !optional {
			p.Nullable = true
		}
		if len(p.Enum) == 0 {
			p.Enum = enums[t]
		}
		if t == reflect.TypeFor[uuid.UUID]() {
			p.Format = "uuid"
		}
		if sent && p.Pattern == "" && p.Format == "" && len(p.Enum) == 0 {
			p.Pattern, p.PatternDescription = noNUL, "text without NUL"
		}
	}
	p.Enum = plainStrings(p.Enum)
	p.PrecomputeMessages()
	return p
}

// plainStrings are what the validator compares JSON values with.
func plainStrings(values []any) []any {
	values = slices.Clone(values)
	for i, v := range values {
		if r := reflect.ValueOf(v); r.Kind() == reflect.String {
			values[i] = r.String()
		}
	}
	return values
}

// Optional is a member of a PATCH body: left out (Set is false: leave it as it is), null (Set and Null: clear it), or
// a value.
type Optional[T any] struct {
	Set   bool
	Null  bool
	Value T
}

// UnmarshalJSON is called only for a member that is there.
func (o *Optional[T]) UnmarshalJSON(b []byte) error {
	o.Set = true
	if bytes.Equal(b, []byte("null")) {
		o.Null = true
		return nil
	}
	return json.Unmarshal(b, &o.Value)
}

// Schema is that of the value, or null.
func (o Optional[T]) Schema(r huma.Registry) *huma.Schema {
	one := *r.Schema(reflect.TypeFor[T](), false, "") // a copy: what others refer to is not null
	s := &one
	s.Nullable = true
	if reflect.TypeFor[T]() == reflect.TypeFor[uuid.UUID]() {
		s.Format = "uuid"
	}
	return s
}

// OrZero is nil for a member that was left out, and points at the zero value for null: the form in which the packages
// below take a change that may clear.
func (o Optional[T]) OrZero() *T {
	if !o.Set {
		return nil
	}
	return &o.Value
}

// valueOf is the type of an Optional's value; nil: t is none.
func valueOf(t reflect.Type) reflect.Type {
	if t.Kind() != reflect.Struct || !strings.HasPrefix(t.Name(), "Optional[") {
		return nil
	}
	value, _ := t.FieldByName("Value")
	return value.Type
}
