package web

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// Queue is a queue with what goes on in it now.
type Queue struct {
	crm.Queue
	Known   bool          `json:"known" doc:"whether the exchange tells what goes on in its queues; members and waiting mean something only then"`
	Unknown pbx.Code      `json:"unknown" doc:"why it does not: ami_needed, or ami_away; empty: it does"`
	Members []QueueMember `json:"members" doc:"in the exchange's order"`
	Waiting *int          `json:"waiting" doc:"callers who wait; null: not known"`
}

// QueueMember is somebody, or a phone that is nobody's, who takes calls of a queue.
type QueueMember struct {
	Interface string           `json:"interface" doc:"as the exchange has it: PJSIP/1001"`
	Extension string           `json:"extension" doc:"empty: it is not known which"`
	AgentID   *uuid.UUID       `json:"agent_id" doc:"whose extension it is; null: nobody's"`
	Name      string           `json:"name" doc:"that agent's name, else the exchange's for the member"`
	Status    pbx.MemberStatus `json:"status" doc:"what the exchange takes the phone to be"`
	Penalty   int              `json:"penalty"`
	Paused    bool             `json:"paused"`
	Reason    string           `json:"reason" doc:"why paused, as the exchange has it"`
	InCall    bool             `json:"in_call"`
	Dynamic   bool             `json:"dynamic" doc:"logged in, not written down in the exchange's configuration"`
}

// QueuePatch changes what it names and leaves the rest. What is learned until somebody says it is again as it was learned
// when it is null.
type QueuePatch struct {
	Version             *int                `json:"version,omitempty"`
	Label               Optional[string]    `json:"label,omitempty" doc:"null: the exchange's name"`
	Numbers             Optional[[]string]  `json:"numbers,omitempty" doc:"that lead to it, in any spelling; null: as learned"`
	ServiceLevelS       Optional[int]       `json:"service_level_s,omitempty" doc:"seconds; null: as learned"`
	ServiceLevelPercent Optional[int]       `json:"service_level_percent,omitempty" doc:"1 to 100; null: 80"`
	WrapUpS             Optional[int]       `json:"wrap_up_s,omitempty" doc:"seconds; null: 0, none"`
	Script              *string             `json:"script,omitempty" maxLength:"10000"`
	TeamID              Optional[uuid.UUID] `json:"team_id,omitempty" doc:"whose supervisors read its calls; null: none's"`
	Archived            *bool               `json:"archived,omitempty"`
}

type listQueuesInput struct {
	Q        string `query:"q" maxLength:"200" doc:"parts of label, name or number; all must occur"`
	Archived bool   `query:"archived" doc:"the archived ones instead of the others"`
}

type queueOutput struct{ Body Queue }

type queuePageOutput struct{ Body crm.Page[Queue] }

func (s *Server) listQueues(ctx context.Context, in *listQueuesInput) (*queuePageOutput, error) {
	queues, err := s.Store.Queues(ctx, actorOf(ctx), crm.QueueFilter{Q: in.Q, Archived: in.Archived})
	if err != nil {
		return nil, err
	}
	out := &queuePageOutput{crm.Page[Queue]{Items: make([]Queue, len(queues))}}
	live := s.liveQueues()
	for i, q := range queues {
		out.Body.Items[i] = s.queue(q, live)
	}
	return out, nil
}

func (s *Server) getQueue(ctx context.Context, in *idInput) (*queueOutput, error) {
	q, err := s.Store.Queue(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &queueOutput{s.queue(q, s.liveQueues())}, nil
}

type patchQueueInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body QueuePatch
}

func (s *Server) patchQueue(ctx context.Context, in *patchQueueInput) (*queueOutput, error) {
	b := &in.Body
	patch := crm.QueuePatch{
		Version: b.Version, Label: b.Label.OrZero(), Numbers: b.Numbers.OrZero(), ServiceLevelS: b.ServiceLevelS.OrZero(),
		ServiceLevelPercent: b.ServiceLevelPercent.OrZero(), WrapUpS: b.WrapUpS.OrZero(), Script: b.Script,
		TeamID: b.TeamID.OrZero(), Archived: b.Archived,
	}
	if b.Label.Null {
		patch.Label, patch.Learned = nil, append(patch.Learned, "label")
	}
	if b.Numbers.Null {
		patch.Numbers, patch.Learned = nil, append(patch.Learned, "numbers")
	}
	if b.ServiceLevelS.Null {
		patch.ServiceLevelS, patch.Learned = nil, append(patch.Learned, "service_level_s")
	}
	q, err := s.Store.UpdateQueue(ctx, actorOf(ctx), in.ID, patch)
	if err != nil {
		return nil, err
	}
	return &queueOutput{s.queue(q, s.liveQueues())}, nil
}

// LiveQueues are the queues of one exchange as they are now.
type LiveQueues struct {
	PBX     string
	Unknown pbx.Code // why nothing is known of them; empty: Queues are all there are
	Queues  []pbx.Queue
}

// liveQueues are what goes on in the queues, by id, and of which exchanges nothing is known, and why.
type liveQueues struct {
	queues  map[uuid.UUID]*pbx.Queue
	unknown map[string]pbx.Code
}

func (s *Server) liveQueues() liveQueues {
	live := liveQueues{queues: map[uuid.UUID]*pbx.Queue{}, unknown: map[string]pbx.Code{}}
	if s.Queues == nil {
		return live
	}
	for _, x := range s.Queues() {
		live.unknown[x.PBX] = x.Unknown
		for i := range x.Queues {
			live.queues[crm.QueueID(x.PBX, x.Queues[i].Name)] = &x.Queues[i]
		}
	}
	return live
}

// queue is q with what goes on in it.
func (s *Server) queue(q crm.Queue, live liveQueues) Queue {
	q.Numbers, q.Learned.Numbers = list(q.Numbers), list(q.Learned.Numbers)
	out := Queue{Queue: q, Members: []QueueMember{}}
	now := live.queues[q.ID]
	if now == nil {
		code, watched := live.unknown[q.PBX]
		if out.Unknown = code; !watched {
			out.Unknown = pbx.AMINeeded
		}
		return out
	}
	waiting := len(now.Callers)
	out.Known, out.Waiting, out.Strategy = true, &waiting, cmp.Or(now.Strategy, q.Strategy)
	for i := range now.Members {
		m := &now.Members[i]
		member := QueueMember{
			Interface: m.Interface, Extension: m.Extension, Name: m.Name, Status: m.Status, Penalty: m.Penalty, Paused: m.Paused,
			Reason: m.Reason, InCall: m.InCall, Dynamic: m.Dynamic,
		}
		if a, ok := s.Store.Directory().ByExtension(q.PBX, m.Extension); ok && m.Extension != "" {
			member.AgentID, member.Name = &a.ID, a.Name
		}
		out.Members = append(out.Members, member)
	}
	return out
}
