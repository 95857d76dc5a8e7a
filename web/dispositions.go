package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"ringbook/crm"
)

// DispositionInput creates a disposition, the last of its list.
type DispositionInput struct {
	QueueID  *uuid.UUID               `json:"queue_id,omitempty" nullable:"true" doc:"whose list it is in; left out: the general one"`
	Name     string                   `json:"name" minLength:"1" maxLength:"60"`
	Key      *int                     `json:"key,omitempty" nullable:"true" minimum:"1" maximum:"9" doc:"that sets it at the desk; no other of the list has it"`
	FollowUp *crm.DispositionFollowUp `json:"follow_up,omitempty" doc:"offered after it"`
}

// DispositionPatch changes what it names and leaves the rest.
type DispositionPatch struct {
	Name     *string                           `json:"name,omitempty" minLength:"1" maxLength:"60"`
	Key      Optional[int]                     `json:"key,omitempty" minimum:"1" maximum:"9" doc:"null: none"`
	FollowUp Optional[crm.DispositionFollowUp] `json:"follow_up,omitempty" doc:"null: none is offered"`
	Position *int                              `json:"position,omitempty" minimum:"0" doc:"its place in its list; the others make room"`
	Archived *bool                             `json:"archived,omitempty" doc:"true: not offered any more; calls of which it was said keep it. false: offered again, without its key if another has it by now"`
	Version  *int                              `json:"version,omitempty" doc:"refused with 409 when it has another by now"`
}

type listDispositionsInput struct {
	Queue    uuid.UUID `query:"queue" format:"uuid" doc:"those that may be said of this queue's calls: its own, or where it has none the general ones. The zero id: of calls that came to no queue. Left out: all"`
	Archived bool      `query:"archived" doc:"the archived ones instead of the others, of all lists"`

	ofQueue bool
}

// Resolve tells the zero id from none.
func (in *listDispositionsInput) Resolve(ctx huma.Context) []error {
	in.ofQueue = ctx.Query("queue") != ""
	return nil
}

type dispositionPageOutput struct{ Body crm.Page[crm.Disposition] }

func (s *Server) listDispositions(ctx context.Context, in *listDispositionsInput) (*dispositionPageOutput, error) {
	var found []crm.Disposition
	var err error
	if in.ofQueue && !in.Archived {
		found, err = s.Store.DispositionsOf(ctx, in.Queue)
	} else {
		found, err = s.Store.Dispositions(ctx, in.Archived)
	}
	if err != nil {
		return nil, err
	}
	return &dispositionPageOutput{crm.Page[crm.Disposition]{Items: list(found)}}, nil
}

type createDispositionInput struct{ Body DispositionInput }

type dispositionOutput struct{ Body crm.Disposition }

func (s *Server) createDisposition(ctx context.Context, in *createDispositionInput) (*dispositionOutput, error) {
	d, err := s.Store.CreateDisposition(ctx, actorOf(ctx), crm.DispositionInput(in.Body))
	return &dispositionOutput{d}, err
}

type patchDispositionInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body DispositionPatch
}

func (s *Server) patchDisposition(ctx context.Context, in *patchDispositionInput) (*dispositionOutput, error) {
	b := in.Body
	d, err := s.Store.UpdateDisposition(ctx, actorOf(ctx), in.ID, crm.DispositionPatch{
		Version: b.Version, Name: b.Name, Key: b.Key.OrZero(), FollowUp: b.FollowUp.OrZero(), Position: b.Position, Archived: b.Archived,
	})
	return &dispositionOutput{d}, err
}

func (s *Server) archiveDisposition(ctx context.Context, in *idInput) (*dispositionOutput, error) {
	archived := true
	d, err := s.Store.UpdateDisposition(ctx, actorOf(ctx), in.ID, crm.DispositionPatch{Archived: &archived})
	return &dispositionOutput{d}, err
}
