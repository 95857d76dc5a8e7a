package calllog

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
)

// RecorderConfig says where calls are kept and whom the recorder asks. All fields but SpoolMax and Log are required.
type RecorderConfig struct {
	DB        *db.DB
	Spool     string // a folder of its own; made when missing
	SpoolMax  int64  // bytes in that folder; 0: 1 GiB
	Directory Directory
	// Match names the customer of a call; it may block.
	Match func(context.Context, crm.Query) (crm.Match, error)
	// Normalise parses a number as the exchange gave it.
	Normalise func(pbx, trunk, raw string) crm.Number
	Log       *slog.Logger // nil: nothing is logged
}

// Directory names the agent behind an extension; it must not block. *crm.Directory is one.
type Directory interface {
	ByExtension(pbx, extension string) (crm.AgentRef, bool)
}

// Recorder writes calls down.
type Recorder struct{ cfg RecorderConfig }

// NewRecorder opens the spool and reads what a former process left there. It does not use the database.
func NewRecorder(c RecorderConfig) (*Recorder, error) { return &Recorder{cfg: c}, nil }

// Update gives the recorder a picture of a call. It never blocks.
func (r *Recorder) Update(call pbx.Call) {}

// Run writes until ctx ends, then writes what is left: to the database if it answers, else to the spool.
func (r *Recorder) Run(ctx context.Context) error { return errUnfinished }

// Sync waits until everything given so far is in the database.
func (r *Recorder) Sync(ctx context.Context) error { return errUnfinished }

// Dead-simple health: what is waiting. (See Backlog.)
var _ = uuid.Nil
