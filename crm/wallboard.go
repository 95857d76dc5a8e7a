package crm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Wallboard is a key that shows the figures of queues on a screen on the wall, and opens nothing else. What it shows is what its
// maker may see of the floor at that moment, or the part of it that TeamID and Queues name.
type Wallboard struct {
	ID        uuid.UUID   `json:"id"`
	Name      string      `json:"name"`
	MadeBy    uuid.UUID   `json:"made_by"`
	Maker     string      `json:"maker"`   // that agent's name
	TeamID    *uuid.UUID  `json:"team_id"` // nil: every team's
	Queues    []uuid.UUID `json:"queues"`  // empty: all; never nil
	Names     bool        `json:"names"`   // who waits is shown by name
	CreatedAt time.Time   `json:"created_at"`
	LastUsed  *time.Time  `json:"last_used"` // to the minute
}

// WallboardInput is a new wallboard.
type WallboardInput struct {
	Name   string
	TeamID *uuid.UUID
	Queues []uuid.UUID
	Names  bool
}

const (
	wallboardColumns = `w.id, w.name, w.made_by, a.name, w.team_id, w.queues, w.names, w.created_at, w.last_used`

	// wallboardPrefix lets people and secret scanners know what they have found.
	wallboardPrefix = "ringbook_wall_"

	maxWallboards      = 100 // of one maker
	maxWallboardQueues = 200
)

func (w *Wallboard) fields() []any {
	return []any{&w.ID, &w.Name, &w.MadeBy, &w.Maker, &w.TeamID, &w.Queues, &w.Names, &w.CreatedAt, &w.LastUsed}
}

// CreateWallboard makes a wallboard of what the actor may see of the floor. Its secret is told this once.
func (s *Store) CreateWallboard(ctx context.Context, a Actor, in WallboardInput) (secretText string, w Wallboard, err error) {
	if !a.Can(FloorRead) || a.AgentID == uuid.Nil {
		return "", Wallboard{}, fmt.Errorf("make a wallboard: %w", ErrForbidden)
	}
	var f FieldErrors
	if in.Name = text(&f, "name", in.Name, maxName, false); in.Name == "" && len(f) == 0 {
		f.add("name", "is empty")
	}
	if in.TeamID != nil && a.Scope(FloorRead) != ScopeAll && !slices.Contains(a.Teams, *in.TeamID) {
		f.add("team_id", "is not a team of yours")
	}
	if len(in.Queues) > maxWallboardQueues {
		f.add("queues", "are more than "+itoa(maxWallboardQueues))
	}
	if err := f.err(); err != nil {
		return "", Wallboard{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", Wallboard{}, err
	}
	secretText = wallboardPrefix + secret()
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := lockAgents(ctx, tx); err != nil { // teams and makers stay
			return err
		}
		var made int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM wallboard WHERE made_by = $1`, a.AgentID).Scan(&made); err != nil {
			return wrap(err, "count wallboards")
		}
		if made >= maxWallboards {
			return FieldErrors{{"name", "you have " + itoa(maxWallboards) + " wallboards already"}}
		}
		if in.TeamID != nil {
			if err := checkTeam(ctx, tx, in.TeamID); err != nil {
				return err
			}
		}
		queues := []uuid.UUID{}
		covered, args := a.QueueScopeSQL(FloorRead, "q.team_id", 2)
		for i, q := range in.Queues {
			var fit bool
			err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM queue q WHERE q.id = $1 AND q.archived_at IS NULL AND `+covered+`)`,
				append([]any{q}, args...)...).Scan(&fit)
			if err != nil {
				return wrap(err, "read queue %s", q)
			}
			if !fit {
				return FieldErrors{{fmt.Sprintf("queues[%d]", i), "is not a queue of yours"}}
			}
			if !slices.Contains(queues, q) {
				queues = append(queues, q)
			}
		}
		err := tx.QueryRow(ctx, `
			WITH w AS (INSERT INTO wallboard (id, token_hash, name, made_by, team_id, queues, names) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *)
			SELECT `+wallboardColumns+` FROM w JOIN agent a ON a.id = w.made_by`,
			id, hash(secretText), in.Name, a.AgentID, in.TeamID, queues, in.Names).Scan(w.fields()...)
		if err != nil {
			return wrap(err, "make a wallboard")
		}
		return AuditTx(ctx, tx, a, "create", "wallboard", id.String(),
			map[string]any{"name": in.Name, "team_id": in.TeamID, "queues": queues, "names": in.Names})
	})
	if err != nil {
		return "", Wallboard{}, err
	}
	return secretText, w, nil
}

// Wallboards lists those of the agents whom the actor's FloorRead covers, the newest first.
func (s *Store) Wallboards(ctx context.Context, a Actor) ([]Wallboard, error) {
	if !a.Can(FloorRead) {
		return nil, fmt.Errorf("list wallboards: %w", ErrForbidden)
	}
	cond, args := a.ScopeSQL(FloorRead, "w.made_by", 1)
	rows, err := s.db.Pool().Query(ctx, `
		SELECT `+wallboardColumns+` FROM wallboard w JOIN agent a ON a.id = w.made_by WHERE `+cond+` ORDER BY w.id DESC LIMIT 1000`, args...)
	if err != nil {
		return nil, wrap(err, "list wallboards")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w Wallboard, err error) { return w, row.Scan(w.fields()...) })
	return list, wrap(err, "list wallboards")
}

// EndWallboard ends one. ErrNotFound if it is none, or one that the actor may not end.
func (s *Store) EndWallboard(ctx context.Context, a Actor, id uuid.UUID) error {
	cond, args := a.ScopeSQL(FloorRead, "made_by", 2)
	return s.db.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM wallboard WHERE id = $1 AND `+cond, append([]any{id}, args...)...)
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		if err != nil {
			return wrap(err, "end wallboard %s", id)
		}
		return AuditTx(ctx, tx, a, "delete", "wallboard", id.String(), changes{})
	})
}

// WallboardMaker tells which wallboard a secret opens, and its maker as they are now; it notes that it is in use.
// ErrUnauthenticated if it opens none, or the maker is archived or may not see the floor any more.
func (s *Store) WallboardMaker(ctx context.Context, secretText string) (Actor, Wallboard, error) {
	var a Actor
	var w Wallboard
	err := s.db.Pool().QueryRow(ctx, `
		SELECT `+wallboardColumns+`, `+actorColumns+`
		  FROM wallboard w JOIN agent a ON a.id = w.made_by
		 WHERE w.token_hash = $1 AND a.archived_at IS NULL`, hash(secretText)).Scan(append(w.fields(), a.fields()...)...)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !a.Can(FloorRead) {
		return Actor{}, Wallboard{}, ErrUnauthenticated
	} else if err != nil {
		return Actor{}, Wallboard{}, wrap(err, "read a wallboard")
	}
	if w.LastUsed == nil || time.Since(*w.LastUsed) > time.Minute {
		if _, err := s.db.Pool().Exec(ctx, `UPDATE wallboard SET last_used = now() WHERE id = $1`, w.ID); err != nil {
			return Actor{}, Wallboard{}, wrap(err, "touch a wallboard")
		}
	}
	return a, w, nil
}
