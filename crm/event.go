package crm

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/db"
)

// Kinds of the events by which nodes tell one another what was changed (db.Event). Those of what is audited are the names of
// the entities, written by AuditTx: EventCustomer, EventAgent, EventTeam, EventPhone, EventQueue with the ids of those.
const (
	EventCustomer = "customer"
	EventAgent    = "agent"
	EventTeam     = "team"
	EventPhone    = "phone"
	EventQueue    = "queue"   // also what was learned of one
	EventSession  = "session" // a session or a token has ended; its id
	EventDesk     = "desk"    // an agent has put a call that has ended off the desk; see PutAway
)

// Heed makes the store look anew at what events say was changed, by this node or another: the Directory, the States, and who
// is logged in. Other events it lets pass.
func (s *Store) Heed(ctx context.Context, events []db.Event) {
	stale := false
	var moved []uuid.UUID
	for _, e := range events {
		switch e.Kind {
		case "", EventAgent, EventTeam, EventPhone, EventQueue, EventPauseReason:
			stale = true
		case EventState:
			if id, err := uuid.Parse(e.ID); err == nil {
				moved = append(moved, id)
			}
		case EventSession:
			if id, err := uuid.Parse(e.ID); err == nil {
				s.sessions.end(id)
			}
		}
	}
	if stale {
		s.refreshAfter(ctx)
	} else if len(moved) > 0 {
		s.stateAfter(ctx, moved...)
	}
}

// PutAway tells the other nodes that the actor has put a call that has ended off the desk, which ends its wrap-up.
func (s *Store) PutAway(ctx context.Context, a Actor, call uuid.UUID) error {
	return s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := endWrapUp(ctx, tx, a.AgentID, call); err != nil {
			return err
		}
		return db.Emit(ctx, tx, db.Event{Kind: EventDesk, ID: a.AgentID.String() + " " + call.String()})
	})
}

// ReadPutAway tells who put which call away.
func ReadPutAway(e db.Event) (agent, call uuid.UUID, ok bool) {
	who, what, _ := strings.Cut(e.ID, " ")
	agent, err := uuid.Parse(who)
	if err != nil {
		return agent, call, false
	}
	call, err = uuid.Parse(what)
	return agent, call, err == nil
}

// tellEnded emits the ends of sessions or tokens in the transaction that ends them.
func tellEnded(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) error {
	for _, id := range ids {
		if err := db.Emit(ctx, tx, db.Event{Kind: EventSession, ID: id.String()}); err != nil {
			return err
		}
	}
	return nil
}
