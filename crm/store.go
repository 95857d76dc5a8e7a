package crm

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ringbook/db"
)

var errUnfinished = errors.New("crm: not there yet")

// Config of a Store. The zero value of every field but Numbering is usable.
type Config struct {
	Numbering       Numbering
	SessionIdle     time.Duration // a session unused for so long ends; default 12 hours
	SessionLifetime time.Duration // a session ends at this age; default 7 days
	RefreshEvery    time.Duration // of the Directory and the sweep of expired sessions; default 30 seconds
	Log             *slog.Logger
}

// Store keeps customers, agents, teams and accounts in PostgreSQL. Safe for concurrent use.
type Store struct {
	db        *db.DB
	config    Config
	directory *Directory
}

// NewStore makes a store; no I/O. Run keeps it going.
func NewStore(d *db.DB, c Config) *Store { return &Store{db: d, config: c, directory: newDirectory()} }

// Run loads the Directory, then refreshes it and ends expired sessions until ctx ends. It survives the database's
// absence.
func (s *Store) Run(ctx context.Context) error { return errUnfinished }

// Refresh loads the Directory now.
func (s *Store) Refresh(ctx context.Context) error { return errUnfinished }

// Numbering is the store's.
func (s *Store) Numbering() Numbering { return s.config.Numbering }
