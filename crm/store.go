package crm

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"ringbook/db"
)

// Config of a Store. The zero value of every field but Numbering is usable.
type Config struct {
	Numbering       Numbering
	SessionIdle     time.Duration // a session unused for so long ends; default 12 hours
	SessionLifetime time.Duration // a session ends at this age; default 7 days
	RefreshEvery    time.Duration // of the Directory and the sweep of ended sessions; default 30 seconds
	Log             *slog.Logger
}

// Store keeps customers, agents, teams and accounts in PostgreSQL. Safe for concurrent use.
type Store struct {
	db        *db.DB
	config    Config
	log       *slog.Logger
	directory *Directory
	sessions  *sessions
	states    *States
	throttle  *throttle
	hashing   chan struct{} // holds as many as hash passwords at once
	matching  metric.Float64Histogram

	hearing sync.Mutex
	heard   map[uuid.UUID]QueueTold // guarded by hearing: what Run has to write, by the queue's id
	hear    chan struct{}           // capacity one: there is something
}

// NewStore makes a store; no I/O. Run keeps it going.
func NewStore(d *db.DB, c Config) *Store {
	orDefault := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	orDefault(&c.SessionIdle, 12*time.Hour)
	orDefault(&c.SessionLifetime, 7*24*time.Hour)
	orDefault(&c.RefreshEvery, 30*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	matching, err := otel.Meter("ringbook/crm").Float64Histogram("ringbook.match.duration", metric.WithUnit("s"),
		metric.WithDescription("Time to name the customers behind a number."),
		metric.WithExplicitBucketBoundaries(.00025, .0005, .001, .0025, .005, .01, .025, .1, 1, 10))
	if err != nil {
		otel.Handle(err)
	}
	s := &Store{
		db: d, config: c, log: c.Log, directory: newDirectory(), sessions: newSessions(), throttle: newThrottle(),
		hashing: make(chan struct{}, hashers()), matching: matching,
		heard: map[uuid.UUID]QueueTold{}, hear: make(chan struct{}, 1),
	}
	s.states = newStates(s)
	return s
}

// Run loads the Directory, then refreshes it, ends expired sessions and learns what PBXs say of queues until ctx ends. It survives the database's
// absence. It returns nil.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(s.config.RefreshEvery)
	defer tick.Stop()
	failing := false
	for {
		work, cancel := context.WithTimeout(ctx, s.config.RefreshEvery)
		err := errors.Join(s.Refresh(work), s.sweepSessions(work), s.learnHeard(work))
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !failing {
			s.log.WarnContext(ctx, "crm: the directory cannot be refreshed; it stays as it was", "err", err)
		} else if err == nil && failing {
			s.log.InfoContext(ctx, "crm: the directory is fresh again")
		}
		failing = err != nil
		for again := false; !again; {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				again = true
			case <-s.hear:
				work, cancel := context.WithTimeout(ctx, s.config.RefreshEvery)
				again = s.learnHeard(work) != nil && !failing // said above, and tried again with the next tick
				cancel()
			}
		}
	}
}

// Numbering is the store's.
func (s *Store) Numbering() Numbering { return s.config.Numbering }

// Page is one page of a list. Next is the cursor of the following one, nil on the last.
type Page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

const (
	defaultLimit = 25
	maxLimit     = 100
)

// pageLimit checks a page's size.
func pageLimit(limit int, f *FieldErrors) int {
	switch {
	case limit == 0:
		return defaultLimit
	case limit < 1 || limit > maxLimit:
		f.add("limit", "must be from 1 to 100")
	}
	return limit
}

// nameCursor is where a list that is ordered by name and id goes on.
type nameCursor struct {
	Name string    `json:"n"`
	ID   uuid.UUID `json:"i"`
}

func (c nameCursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // a string and a uuid
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseNameCursor(s string, f *FieldErrors) (c nameCursor) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || strings.ContainsRune(c.Name, 0) || !utf8.ValidString(c.Name) {
		f.add("cursor", "is not one of ours")
	}
	return c
}

// text checks a string from outside: its length in characters, and that it can be stored and shown.
func text(f *FieldErrors, field, s string, longest int, lines bool) string {
	if len(s) > 4*longest || utf8.RuneCountInString(s) > longest {
		f.add(field, "is longer than "+itoa(longest)+" characters")
		return ""
	}
	if !utf8.ValidString(s) {
		f.add(field, "is not valid UTF-8")
		return ""
	}
	for _, c := range s {
		if unicode.IsControl(c) && !(lines && (c == '\n' || c == '\t' || c == '\r')) {
			f.add(field, "contains a control character")
			return ""
		}
	}
	return strings.TrimSpace(s)
}

// changes are what an audit row says: field → [before, after].
type changes map[string][2]any

func (c changes) note(field string, before, after any) {
	if !reflect.DeepEqual(before, after) {
		c[field] = [2]any{before, after}
	}
}

// AuditTx writes into the history of what was changed by whom, in the transaction of the change, and tells all nodes that it
// was changed (an event whose kind is the entity). changes is any JSON object; fields map to [before, after].
func AuditTx(ctx context.Context, tx pgx.Tx, a Actor, action, entity, id string, changes any) error {
	agent := &a.AgentID
	if a.AgentID == uuid.Nil {
		agent = nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO audit (agent_id, actor, action, entity, entity_id, changes) VALUES ($1, $2, $3, $4, $5, $6)`,
		agent, a.Username, action, entity, id, changes)
	if err != nil {
		return wrap(err, "audit %s of %s %s", action, entity, id)
	}
	return db.Emit(ctx, tx, db.Event{Kind: entity, ID: id})
}

// AuditEntry is one change.
type AuditEntry struct {
	At      time.Time       `json:"at"`
	AgentID *uuid.UUID      `json:"agent_id"`
	Actor   string          `json:"actor"`
	Action  string          `json:"action"`
	Changes json.RawMessage `json:"changes"`
}

// Audit reads the last 100 changes of a thing, the newest first.
func (s *Store) Audit(ctx context.Context, a Actor, entity, id string) ([]AuditEntry, error) {
	if err := a.Require(AuditRead); err != nil {
		return nil, err
	}
	rows, err := s.db.Pool().Query(ctx, `
		SELECT at, agent_id, actor, action, changes FROM audit WHERE entity = $1 AND entity_id = $2 ORDER BY id DESC LIMIT 100`, entity, id)
	if err != nil {
		return nil, wrap(err, "read the changes of %s %s", entity, id)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AuditEntry])
	return list, wrap(err, "read the changes of %s %s", entity, id)
}

// isUnique tells whether err is the violation of a unique index.
func isUnique(err error, index string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505" && pg.ConstraintName == index
}

// hooks are functions to call when something has happened.
type hooks[T any] struct {
	mu   sync.Mutex
	next int
	all  map[int]func(T) // guarded by mu
}

func (h *hooks[T]) add(f func(T)) (stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil {
		h.all = map[int]func(T){}
	}
	id := h.next
	h.next++
	h.all[id] = f
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.all, id)
	}
}

// call calls all hooks, outside the lock.
func (h *hooks[T]) call(v T) {
	h.mu.Lock()
	fs := make([]func(T), 0, len(h.all))
	for _, f := range h.all {
		fs = append(fs, f)
	}
	h.mu.Unlock()
	for _, f := range fs {
		f(v)
	}
}
