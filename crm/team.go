package crm

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Team is agents who work together, and who leads them.
type Team struct {
	ID          uuid.UUID   `json:"id"`
	Name        string      `json:"name"`
	Supervisors []uuid.UUID `json:"supervisors"` // live agents
	Members     int         `json:"members"`     // live agents
	Version     int         `json:"version"`
	ArchivedAt  *time.Time  `json:"archived_at"`
	CreatedAt   time.Time   `json:"created_at"`
	UpdatedAt   time.Time   `json:"updated_at"`
}

// TeamInput is a new team. Supervisors must have the role supervisor or admin.
type TeamInput struct {
	Name        string
	Supervisors []uuid.UUID
}

// TeamPatch changes a team; nil leaves a field as it is.
type TeamPatch struct {
	Version     *int
	Name        *string
	Supervisors *[]uuid.UUID
}

const teamColumns = `
	t.id, t.name,
	ARRAY(SELECT ts.agent_id FROM team_supervisor ts JOIN agent a ON a.id = ts.agent_id
	       WHERE ts.team_id = t.id AND a.archived_at IS NULL ORDER BY ts.agent_id),
	(SELECT count(*) FROM agent a WHERE a.team_id = t.id AND a.archived_at IS NULL),
	t.version, t.archived_at, t.created_at, t.updated_at`

func readTeam(ctx context.Context, q querier, id uuid.UUID) (Team, error) {
	rows, err := q.Query(ctx, `SELECT`+teamColumns+` FROM team t WHERE t.id = $1`, id)
	if err != nil {
		return Team{}, wrap(err, "read team %s", id)
	}
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Team])
	return t, wrap(err, "read team %s", id)
}

const maxTeams = 1000

// Teams lists the live teams by name; there are at most 1000.
func (s *Store) Teams(ctx context.Context, a Actor) ([]Team, error) {
	if err := a.Require(TeamsRead); err != nil {
		return nil, err
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT`+teamColumns+` FROM team t WHERE t.archived_at IS NULL ORDER BY t.name, t.id LIMIT $1`, maxTeams)
	if err != nil {
		return nil, wrap(err, "list teams")
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Team])
	return list, wrap(err, "list teams")
}

// Team reads one, archived or not.
func (s *Store) Team(ctx context.Context, a Actor, id uuid.UUID) (Team, error) {
	if err := a.Require(TeamsRead); err != nil {
		return Team{}, err
	}
	return readTeam(ctx, s.db.Pool(), id)
}

// CreateTeam saves a new team.
func (s *Store) CreateTeam(ctx context.Context, a Actor, in TeamInput) (Team, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Team{}, err
	}
	return s.saveTeam(ctx, a, id, "create", func(tx pgx.Tx) (Team, error) {
		var teams int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM team WHERE archived_at IS NULL`).Scan(&teams); err != nil {
			return Team{}, wrap(err, "count teams")
		}
		if teams >= maxTeams {
			return Team{}, FieldErrors{{"name", "there are " + itoa(maxTeams) + " teams already"}}
		}
		t := Team{ID: id, Name: in.Name, Supervisors: in.Supervisors}
		return t, checkTeamInput(ctx, tx, &t)
	}, `INSERT INTO team (id, name, archived_at) VALUES ($1, $2, $3)`)
}

// UpdateTeam changes one.
func (s *Store) UpdateTeam(ctx context.Context, a Actor, id uuid.UUID, p TeamPatch) (Team, error) {
	return s.saveTeam(ctx, a, id, "update", func(tx pgx.Tx) (Team, error) {
		t, err := readTeam(ctx, tx, id)
		if err != nil {
			return Team{}, err
		}
		if p.Version != nil && *p.Version != t.Version {
			return Team{}, fmt.Errorf("team %s has version %d, not %d: %w", id, t.Version, *p.Version, ErrConflict)
		}
		set(&t.Name, p.Name)
		set(&t.Supervisors, p.Supervisors)
		return t, checkTeamInput(ctx, tx, &t)
	}, updateTeam)
}

const updateTeam = `UPDATE team SET name = $2, archived_at = $3, version = version + 1, updated_at = now() WHERE id = $1`

// ArchiveTeam takes a team out of lists; its agents and queues stay without a team, and nobody supervises it.
func (s *Store) ArchiveTeam(ctx context.Context, a Actor, id uuid.UUID) (Team, error) {
	return s.saveTeam(ctx, a, id, "archive", func(tx pgx.Tx) (Team, error) {
		t, err := readTeam(ctx, tx, id)
		if err != nil {
			return Team{}, err
		}
		if t.ArchivedAt == nil {
			now := time.Now()
			t.ArchivedAt = &now
		}
		t.Supervisors = nil
		_, err = tx.Exec(ctx, `UPDATE agent SET team_id = NULL, version = version + 1, updated_at = now() WHERE team_id = $1`, id)
		if err == nil {
			_, err = tx.Exec(ctx, `UPDATE queue SET team_id = NULL, version = version + 1, updated_at = now() WHERE team_id = $1`, id)
		}
		return t, wrap(err, "take the agents and queues out of team %s", id)
	}, updateTeam)
}

// saveTeam writes by sql ($1 id, $2 name, $3 archived_at) what make makes.
func (s *Store) saveTeam(ctx context.Context, a Actor, id uuid.UUID, action string, make func(pgx.Tx) (Team, error), sql string) (Team, error) {
	if err := a.Require(TeamsWrite); err != nil {
		return Team{}, err
	}
	var saved Team
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := lockAgents(ctx, tx); err != nil {
			return err
		}
		t, err := make(tx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql, id, t.Name, t.ArchivedAt); isUnique(err, "team_name") {
			return FieldErrors{{"name", "another team has it"}}
		} else if err != nil {
			return wrap(err, "save team %s", id)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM team_supervisor WHERE team_id = $1`, id); err != nil {
			return wrap(err, "save team %s", id)
		}
		_, err = tx.Exec(ctx, `INSERT INTO team_supervisor (team_id, agent_id) SELECT $1, unnest($2::uuid[])`, id, t.Supervisors)
		if err != nil {
			return wrap(err, "save team %s", id)
		}
		if saved, err = readTeam(ctx, tx, id); err != nil {
			return err
		}
		return AuditTx(ctx, tx, a, action, "team", id.String(), map[string]any{"name": saved.Name, "supervisors": saved.Supervisors})
	})
	if err != nil {
		return Team{}, err
	}
	s.refreshAfter(ctx)
	return saved, nil
}

func checkTeamInput(ctx context.Context, tx pgx.Tx, t *Team) error {
	var f FieldErrors
	if t.Name = text(&f, "name", t.Name, maxName, false); t.Name == "" && len(f) == 0 {
		f.add("name", "is empty")
	}
	ids := []uuid.UUID{}
	for i, id := range t.Supervisors {
		var fit bool
		err := tx.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM agent WHERE id = $1 AND archived_at IS NULL AND role IN ('supervisor', 'admin'))`, id).Scan(&fit)
		if err != nil {
			return wrap(err, "read agent %s", id)
		}
		if !fit {
			f.add(fmt.Sprintf("supervisors[%d]", i), "is not a supervisor or admin")
		} else if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	t.Supervisors = ids
	return f.err()
}
