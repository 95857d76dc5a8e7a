package calllog

import (
	"context"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// Dial is a call that an agent wants to place.
type Dial struct {
	ID         uuid.UUID // of the attempt; zero: a new one
	Number     string    // as it was written
	Extension  string    // which of the agent's phones; empty: the first that is there
	CustomerID *uuid.UUID
	CallID     *uuid.UUID // from which it was started
	FollowUpID *uuid.UUID
}

// Attempt is what became of it.
type Attempt struct {
	ID        uuid.UUID
	CallID    uuid.UUID
	Extension string
	Number    string // as it was dialled
}

// Dial places a call from the actor's phone.
func (s *Acts) Dial(ctx context.Context, a crm.Actor, d Dial) (Attempt, error) {
	return Attempt{}, &pbx.Refusal{Code: pbx.PBXAway}
}
