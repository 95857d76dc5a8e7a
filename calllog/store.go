package calllog

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/db"
)

var errUnfinished = errors.New("calllog: not there yet")

// Store answers questions about calls and keeps what people write about them. Safe for concurrent use.
type Store struct {
	db  *db.DB
	crm *crm.Store
}

// NewStore makes a store on a migrated database; no I/O.
func NewStore(d *db.DB, c *crm.Store) *Store { return &Store{db: d, crm: c} }

// Calls lists the calls that the actor may read, newest first. A fault in the filter is a crm.FieldErrors.
func (s *Store) Calls(ctx context.Context, a crm.Actor, f Filter) (Page, error) {
	return Page{}, errUnfinished
}

// Call is one call with its legs; crm.ErrNotFound when there is none that the actor may read.
func (s *Store) Call(ctx context.Context, a crm.Actor, id uuid.UUID) (Record, error) {
	return Record{}, errUnfinished
}

// Annotate saves what the actor writes about a call. onDesk says that the call is on the actor's desk now, which
// permits it whoever else took part. crm.ErrNotFound: the log has no such call (yet: see Recorder.Sync).
func (s *Store) Annotate(ctx context.Context, a crm.Actor, id uuid.UUID, p Patch, onDesk bool) (Record, error) {
	return Record{}, errUnfinished
}

// LastCalls are the newest calls of any of the customers, or of the number when there are none, newest first. It is
// for the system itself and asks no Actor.
func (s *Store) LastCalls(ctx context.Context, customers []uuid.UUID, number string, limit int) ([]PastCall, error) {
	return nil, errUnfinished
}

// Annotation is what people have written about a call; zero if nothing. It is for the system itself.
func (s *Store) Annotation(ctx context.Context, call uuid.UUID) (Annotation, error) {
	return Annotation{}, errUnfinished
}
