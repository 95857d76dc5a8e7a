package crm

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// View is a page with its filters under a name: an agent's own, or a team's.
type View struct {
	ID        uuid.UUID  `json:"id"`
	Page      string     `json:"page"`
	Name      string     `json:"name"`
	Query     string     `json:"query"`   // of the page's address, without the question mark
	TeamID    *uuid.UUID `json:"team_id"` // nil: the actor's own
	Team      string     `json:"team"`    // that team's name
	Default   bool       `json:"default"` // the page opens with it, for the actor
	Writable  bool       `json:"writable"`
	Version   int        `json:"version"`
	UpdatedAt time.Time  `json:"updated_at"`
}

// ViewInput is a new view. Whoever makes it has checked that the query is one of the page.
type ViewInput struct {
	Page   string
	Name   string
	Query  string
	TeamID *uuid.UUID // nil: the actor's own
}

// ViewPatch changes a view; nil leaves a field as it is. Default is the actor's alone, and anybody may say it who sees the
// view; the rest is for who may write it.
type ViewPatch struct {
	Version  *int
	Name     *string
	Query    *string
	Position *int // its place among its owner's of that page, from 0
	Default  *bool
}

const (
	maxViews     = 50 // of one agent or team, on one page
	maxViewQuery = 2000
	viewKept     = 30 * 24 * time.Hour // so long an archived one can be brought back
)

// viewReach is a condition on saved_view v: that the actor sees it. $1 is the actor's id, $2 says that every team's are seen,
// $3 are the teams whose are.
const viewReach = `(v.agent_id = $1 OR v.team_id IS NOT NULL AND ($2 OR v.team_id = ANY($3)) AND t.archived_at IS NULL)`

func (a Actor) viewArgs() []any {
	teams := append([]uuid.UUID{}, a.Teams...)
	if a.TeamID != nil {
		teams = append(teams, *a.TeamID)
	}
	return []any{a.AgentID, a.Scope(ViewsWrite) == ScopeAll, teams}
}

const selectViews = `
	SELECT v.id, v.page, v.name, v.query, v.team_id, coalesce(t.name, ''),
		EXISTS (SELECT FROM view_default d WHERE d.agent_id = $1 AND d.page = v.page AND d.view_id = v.id), false, v.version, v.updated_at
	  FROM saved_view v LEFT JOIN team t ON t.id = v.team_id
	 WHERE ` + viewReach

// Views are those that the actor sees of a page, or of all (""): the own ones, then the teams', each in their order.
func (s *Store) Views(ctx context.Context, a Actor, page string) ([]View, error) {
	return readViews(ctx, s.db.Pool(), a, `v.archived_at IS NULL AND ($4 = '' OR v.page = $4)
		ORDER BY v.page, v.team_id IS NOT NULL, t.name, v.team_id, v.position, v.created_at, v.id`, page)
}

func readViews(ctx context.Context, q querier, a Actor, where string, arg any) ([]View, error) {
	rows, err := q.Query(ctx, selectViews+` AND `+where, append(a.viewArgs(), arg)...)
	if err != nil {
		return nil, wrap(err, "read views")
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[View])
	for i := range list {
		list[i].Writable = a.writesViews(list[i].TeamID)
	}
	return list, wrap(err, "read views")
}

func readView(ctx context.Context, q querier, a Actor, id uuid.UUID) (View, error) {
	list, err := readViews(ctx, q, a, `v.id = $4`, id)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("view %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return View{}, err
	}
	return list[0], nil
}

// writesViews says whether the actor may write the views of a team, or those of their own.
func (a Actor) writesViews(team *uuid.UUID) bool {
	switch a.Scope(ViewsWrite) {
	case ScopeAll:
		return true
	case ScopeTeam:
		return team == nil || slices.Contains(a.Teams, *team)
	case ScopeOwn:
		return team == nil
	}
	return false
}

// CreateView saves a new one, as the last of its owner's.
func (s *Store) CreateView(ctx context.Context, a Actor, in ViewInput) (View, error) {
	if !a.writesViews(in.TeamID) {
		return View{}, fmt.Errorf("create view: %w", ErrForbidden)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return View{}, err
	}
	v := View{ID: id, Page: in.Page, Name: in.Name, Query: in.Query, TeamID: in.TeamID}
	return s.saveView(ctx, a, id, "create", func(tx pgx.Tx) (bool, error) {
		if err := checkView(ctx, tx, a, &v); err != nil {
			return false, err
		}
		if in.TeamID != nil {
			var live bool
			if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM team WHERE id = $1 AND archived_at IS NULL)`, in.TeamID).Scan(&live); err != nil {
				return false, wrap(err, "read team %s", in.TeamID)
			}
			if !live {
				return false, FieldErrors{{"team_id", "there is no such team"}}
			}
		}
		owner := &a.AgentID
		if in.TeamID != nil {
			owner = nil
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO saved_view (id, page, name, query, agent_id, team_id, position)
			SELECT $1, $2, $3, $4, $5, $6, coalesce(max(position) + 1, 0) FROM saved_view
			 WHERE page = $2 AND agent_id IS NOT DISTINCT FROM $5 AND team_id IS NOT DISTINCT FROM $6`,
			id, v.Page, v.Name, v.Query, owner, in.TeamID)
		return true, wrap(err, "save view %s", id)
	})
}

// UpdateView changes one.
func (s *Store) UpdateView(ctx context.Context, a Actor, id uuid.UUID, p ViewPatch) (View, error) {
	return s.saveView(ctx, a, id, "update", func(tx pgx.Tx) (bool, error) {
		v, err := readView(ctx, tx, a, id)
		if err != nil {
			return false, err
		}
		if p.Default != nil {
			if err := setDefaultView(ctx, tx, a, v, *p.Default); err != nil {
				return false, err
			}
		}
		if p.Name == nil && p.Query == nil && p.Position == nil {
			return false, nil
		}
		if !v.Writable {
			return false, fmt.Errorf("view %s: %w", id, ErrForbidden)
		}
		if p.Version != nil && *p.Version != v.Version {
			return false, fmt.Errorf("view %s has version %d, not %d: %w", id, v.Version, *p.Version, ErrConflict)
		}
		set(&v.Name, p.Name)
		set(&v.Query, p.Query)
		if err := checkView(ctx, tx, a, &v); err != nil {
			return false, err
		}
		if _, err := tx.Exec(ctx, `UPDATE saved_view SET name = $2, query = $3, version = version + 1, updated_at = now() WHERE id = $1`,
			id, v.Name, v.Query); err != nil {
			return false, wrap(err, "save view %s", id)
		}
		if p.Position != nil {
			return true, placeView(ctx, tx, id, *p.Position)
		}
		return true, nil
	})
}

// ArchiveView takes one out of the lists. RestoreView brings it back, within 30 days.
func (s *Store) ArchiveView(ctx context.Context, a Actor, id uuid.UUID) (View, error) {
	return s.shelveView(ctx, a, id, "archive", `UPDATE saved_view SET archived_at = coalesce(archived_at, now()) WHERE id = $1`)
}

// RestoreView brings an archived one back, to its place.
func (s *Store) RestoreView(ctx context.Context, a Actor, id uuid.UUID) (View, error) {
	return s.shelveView(ctx, a, id, "restore", `UPDATE saved_view SET archived_at = NULL WHERE id = $1`)
}

func (s *Store) shelveView(ctx context.Context, a Actor, id uuid.UUID, action, sql string) (View, error) {
	return s.saveView(ctx, a, id, action, func(tx pgx.Tx) (bool, error) {
		v, err := readView(ctx, tx, a, id)
		if err != nil {
			return false, err
		}
		if !v.Writable {
			return false, fmt.Errorf("%s view %s: %w", action, id, ErrForbidden)
		}
		if action == "restore" {
			if err := checkView(ctx, tx, a, &v); err != nil {
				return false, err
			}
		}
		_, err = tx.Exec(ctx, sql, id)
		return true, wrap(err, "%s view %s", action, id)
	})
}

// saveView does a change in a transaction of its own and reads what came of it. change says whether the view itself is another
// then: that of a team's is audited.
func (s *Store) saveView(ctx context.Context, a Actor, id uuid.UUID, action string, change func(pgx.Tx) (changed bool, err error)) (View, error) {
	var saved View
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		// One change after the other, so that the counts and places are true.
		if _, err := tx.Exec(ctx, `LOCK TABLE saved_view IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return wrap(err, "save view %s", id)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM saved_view WHERE archived_at < now() - $1::interval`, viewKept); err != nil {
			return wrap(err, "save view %s", id)
		}
		changed, err := change(tx)
		if err != nil {
			return err
		}
		if saved, err = readView(ctx, tx, a, id); err != nil || saved.TeamID == nil || !changed {
			return err
		}
		return AuditTx(ctx, tx, a, action, "view", id.String(), map[string]any{"name": saved.Name, "query": saved.Query, "team_id": saved.TeamID})
	})
	if err != nil {
		return View{}, err
	}
	return saved, nil
}

// checkView finds every fault of a view that is about to be saved.
func checkView(ctx context.Context, tx pgx.Tx, a Actor, v *View) error {
	var f FieldErrors
	if v.Name = text(&f, "name", v.Name, 100, false); v.Name == "" && len(f) == 0 {
		f.add("name", "is empty")
	}
	v.Query = text(&f, "query", v.Query, maxViewQuery, false)
	var owner *uuid.UUID
	if v.TeamID == nil {
		owner = &a.AgentID
	}
	var same, all int
	err := tx.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE lower(name) = lower($4)), count(*) FROM saved_view
		 WHERE page = $1 AND agent_id IS NOT DISTINCT FROM $2 AND team_id IS NOT DISTINCT FROM $3 AND id <> $5 AND archived_at IS NULL`,
		v.Page, owner, v.TeamID, v.Name, v.ID).Scan(&same, &all)
	if err != nil {
		return wrap(err, "count views")
	}
	if same > 0 {
		f.add("name", "another view has it")
	}
	if all >= maxViews {
		f.add("name", "there are "+itoa(maxViews)+" views already")
	}
	return f.err()
}

func setDefaultView(ctx context.Context, tx pgx.Tx, a Actor, v View, yes bool) error {
	sql := `DELETE FROM view_default WHERE agent_id = $1 AND page = $2 AND view_id = $3`
	if yes {
		sql = `INSERT INTO view_default (agent_id, page, view_id) VALUES ($1, $2, $3)
			ON CONFLICT (agent_id, page) DO UPDATE SET view_id = excluded.view_id`
	}
	_, err := tx.Exec(ctx, sql, a.AgentID, v.Page, v.ID)
	return wrap(err, "set the default view of %s", a.Username)
}

// placeView moves a view to a place among its owner's of that page; beyond the last is the last.
func placeView(ctx context.Context, tx pgx.Tx, id uuid.UUID, place int) error {
	rows, err := tx.Query(ctx, `
		SELECT v.id FROM saved_view v JOIN saved_view me ON me.id = $1 AND v.page = me.page
			AND v.agent_id IS NOT DISTINCT FROM me.agent_id AND v.team_id IS NOT DISTINCT FROM me.team_id
		 WHERE v.id <> $1 ORDER BY v.archived_at IS NOT NULL, v.position, v.created_at, v.id`, id)
	if err != nil {
		return wrap(err, "order views")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return wrap(err, "order views")
	}
	ids = slices.Insert(ids, max(0, min(place, len(ids))), id)
	_, err = tx.Exec(ctx, `UPDATE saved_view v SET position = o.n - 1 FROM unnest($1::uuid[]) WITH ORDINALITY o (id, n) WHERE v.id = o.id`, ids)
	return wrap(err, "order views")
}

// Gone are those of the agents, customers (by id) and queues (by id or the exchange's name) that are not there any more.
func (s *Store) Gone(ctx context.Context, agents, customers, queues []string) (map[string]bool, error) {
	rows, err := s.db.Pool().Query(ctx, `
		SELECT id FROM unnest($1::text[]) a (id) WHERE NOT EXISTS (SELECT FROM agent x WHERE x.id = a.id::uuid AND x.archived_at IS NULL)
		UNION SELECT id FROM unnest($2::text[]) c (id) WHERE NOT EXISTS (SELECT FROM customer x WHERE x.id = c.id::uuid)
		UNION SELECT id FROM unnest($3::text[]) q (id) WHERE NOT EXISTS (SELECT FROM queue x
			WHERE (x.id::text = lower(q.id) OR lower(x.name COLLATE "C") = lower(q.id COLLATE "C")) AND x.archived_at IS NULL)`,
		agents, customers, queues)
	if err != nil {
		return nil, wrap(err, "look for what is gone")
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, wrap(err, "look for what is gone")
	}
	gone := make(map[string]bool, len(names))
	for _, name := range names {
		gone[name] = true
	}
	return gone, nil
}
