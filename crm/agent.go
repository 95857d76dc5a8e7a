package crm

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Agent is someone who answers. An extension is written "1001", or "1001@main" if it is meant on that PBX only.
type Agent struct {
	ID         uuid.UUID   `json:"id"`
	Username   string      `json:"username"`
	Name       string      `json:"name"`
	Role       Role        `json:"role"`
	TeamID     *uuid.UUID  `json:"team_id"`
	Team       string      `json:"team"` // that team's name
	Extensions []string    `json:"extensions"`
	Supervises []uuid.UUID `json:"supervises"` // live teams
	Version    int         `json:"version"`
	ArchivedAt *time.Time  `json:"archived_at"`
	CreatedAt  time.Time   `json:"created_at"`
	UpdatedAt  time.Time   `json:"updated_at"`
}

// AgentInput is a new agent. Role defaults to RoleAgent, Name to Username; without a password the agent cannot log in.
type AgentInput struct {
	Username   string
	Password   string
	Name       string
	Role       Role
	Extensions []string
	TeamID     *uuid.UUID
}

// AgentPatch changes an agent; nil leaves a field as it is. A changed role or password ends the agent's sessions.
type AgentPatch struct {
	Version    *int
	Username   *string
	Password   *string
	Name       *string
	Role       *Role
	Extensions *[]string
	TeamID     *uuid.UUID // uuid.Nil: none
}

// AgentFilter chooses and pages agents, ordered by name.
type AgentFilter struct {
	Q        string // part of name, username or extension
	TeamID   *uuid.UUID
	Archived bool
	Cursor   string
	Limit    int // 1 to 100; 0: 25
}

var (
	usernamePattern  = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}\p{M}._@+-]{0,63}$`)
	extensionPattern = regexp.MustCompile(`^[0-9A-Za-z_.*#-]{1,32}$`)
)

// extensionsColumn is an agent's extensions as people write them.
const extensionsColumn = `
	ARRAY(SELECT e.extension || CASE e.pbx WHEN '' THEN '' ELSE '@' || e.pbx END
	        FROM agent_extension e WHERE e.agent_id = a.id ORDER BY e.position)`

const agentColumns = `
	a.id, a.username, a.name, a.role, a.team_id, coalesce(t.name, ''),` + extensionsColumn + `,
	ARRAY(SELECT ts.team_id FROM team_supervisor ts JOIN team st ON st.id = ts.team_id
	       WHERE ts.agent_id = a.id AND st.archived_at IS NULL ORDER BY ts.team_id),
	a.version, a.archived_at, a.created_at, a.updated_at`

const agentByID = `SELECT` + agentColumns + ` FROM agent a LEFT JOIN team t ON t.id = a.team_id WHERE a.id = $1`

func readAgent(ctx context.Context, q querier, id uuid.UUID) (Agent, error) {
	rows, err := q.Query(ctx, agentByID, id)
	if err != nil {
		return Agent{}, wrap(err, "read agent %s", id)
	}
	a, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Agent])
	return a, wrap(err, "read agent %s", id)
}

// Agents lists agents.
func (s *Store) Agents(ctx context.Context, a Actor, f AgentFilter) (Page[Agent], error) {
	var faults FieldErrors
	limit := pageLimit(f.Limit, &faults)
	where := []string{"a.archived_at IS NULL"}
	if f.Archived {
		where[0] = "a.archived_at IS NOT NULL"
	}
	cond, args := a.ScopeSQL(AgentsRead, "a.id", 1)
	where = append(where, cond)
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	if f.TeamID != nil {
		where = append(where, "a.team_id = "+arg(*f.TeamID))
	}
	if q := text(&faults, "q", f.Q, 200, false); q != "" {
		p := arg("%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(asciiDigits(q))) + "%")
		where = append(where, "(lower(a.name) LIKE "+p+" OR lower(a.username) LIKE "+p+
			" OR EXISTS (SELECT FROM agent_extension e WHERE e.agent_id = a.id AND e.extension LIKE "+p+"))")
	}
	if f.Cursor != "" {
		c := parseNameCursor(f.Cursor, &faults)
		where = append(where, "(a.name, a.id) > ("+arg(c.Name)+", "+arg(c.ID)+")")
	}
	if err := faults.err(); err != nil {
		return Page[Agent]{}, err
	}
	rows, err := s.db.Pool().Query(ctx, "SELECT"+agentColumns+`
		  FROM agent a LEFT JOIN team t ON t.id = a.team_id
		 WHERE `+strings.Join(where, " AND ")+`
		 ORDER BY a.name, a.id
		 LIMIT `+arg(limit+1), args...)
	if err != nil {
		return Page[Agent]{}, wrap(err, "list agents")
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Agent])
	if err != nil {
		return Page[Agent]{}, wrap(err, "list agents")
	}
	page := Page[Agent]{Items: list}
	if len(list) > limit {
		page.Items = list[:limit]
		last := page.Items[limit-1]
		next := nameCursor{last.Name, last.ID}.String()
		page.Next = &next
	}
	return page, nil
}

// Agent reads one, archived or not.
func (s *Store) Agent(ctx context.Context, a Actor, id uuid.UUID) (Agent, error) {
	if err := a.over(AgentsRead, id); err != nil {
		return Agent{}, err
	}
	return readAgent(ctx, s.db.Pool(), id)
}

// AgentByUsername reads the live agent of that name.
func (s *Store) AgentByUsername(ctx context.Context, a Actor, username string) (Agent, error) {
	if err := a.Require(AgentsRead); err != nil {
		return Agent{}, err
	}
	var id uuid.UUID
	err := s.db.Pool().QueryRow(ctx, `SELECT id FROM agent WHERE lower(username) = $1 AND archived_at IS NULL`,
		strings.ToLower(clean(username))).Scan(&id)
	if err != nil {
		return Agent{}, wrap(err, "find agent %q", username)
	}
	return readAgent(ctx, s.db.Pool(), id)
}

// CreateAgent saves a new agent.
func (s *Store) CreateAgent(ctx context.Context, a Actor, in AgentInput) (Agent, error) {
	if err := a.Require(AgentsWrite); err != nil {
		return Agent{}, err
	}
	var f FieldErrors
	agent := checkAgent(&f, Agent{Username: in.Username, Name: in.Name, Role: in.Role, Extensions: in.Extensions, TeamID: in.TeamID})
	if in.Password != "" {
		checkPassword(&f, "password", in.Password)
	}
	if err := f.err(); err != nil {
		return Agent{}, err
	}
	hashed := ""
	var err error
	if in.Password != "" {
		if hashed, err = s.hashPassword(ctx, in.Password); err != nil {
			return Agent{}, wrap(err, "save agent %q", in.Username)
		}
	}
	if agent.ID, err = uuid.NewV7(); err != nil {
		return Agent{}, err
	}
	var saved Agent
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := lockAgents(ctx, tx); err != nil {
			return err
		}
		if err := checkTeam(ctx, tx, agent.TeamID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO agent (id, username, name, role, team_id, password_hash) VALUES ($1, $2, $3, $4, $5, $6)`,
			agent.ID, agent.Username, agent.Name, agent.Role, agent.TeamID, hashed)
		if err != nil {
			return agentError(err, agent.ID)
		}
		if err := writeExtensions(ctx, tx, agent); err != nil {
			return err
		}
		if saved, err = readAgent(ctx, tx, agent.ID); err != nil {
			return err
		}
		return AuditTx(ctx, tx, a, "create", "agent", agent.ID.String(), agentChanges(Agent{}, saved))
	})
	if err != nil {
		return Agent{}, err
	}
	s.refreshAfter(ctx)
	return saved, nil
}

// UpdateAgent changes one.
func (s *Store) UpdateAgent(ctx context.Context, a Actor, id uuid.UUID, p AgentPatch) (Agent, error) {
	if err := a.Require(AgentsWrite); err != nil {
		return Agent{}, err
	}
	var hashed string
	if p.Password != nil {
		var f FieldErrors
		checkPassword(&f, "password", *p.Password)
		err := f.err()
		if err == nil {
			hashed, err = s.hashPassword(ctx, *p.Password)
		}
		if err != nil {
			return Agent{}, err
		}
	}
	return s.changeAgent(ctx, a, id, "update", func(tx pgx.Tx, before Agent) (Agent, bool, error) {
		if p.Version != nil && *p.Version != before.Version {
			return Agent{}, false, fmt.Errorf("agent %s has version %d, not %d: %w", id, before.Version, *p.Version, ErrConflict)
		}
		after := before
		set(&after.Username, p.Username)
		set(&after.Name, p.Name)
		set(&after.Role, p.Role)
		set(&after.Extensions, p.Extensions)
		if p.TeamID != nil {
			if after.TeamID = p.TeamID; *p.TeamID == uuid.Nil {
				after.TeamID = nil
			}
		}
		var f FieldErrors
		after = checkAgent(&f, after)
		if err := f.err(); err != nil {
			return Agent{}, false, err
		}
		if p.TeamID != nil {
			if err := checkTeam(ctx, tx, after.TeamID); err != nil {
				return Agent{}, false, err
			}
		}
		if hashed != "" {
			if _, err := tx.Exec(ctx, `UPDATE agent SET password_hash = $2 WHERE id = $1`, id, hashed); err != nil {
				return Agent{}, false, wrap(err, "save agent %s", id)
			}
		}
		return after, hashed != "" || after.Role != before.Role, nil
	})
}

// ArchiveAgent ends the agent's sessions and tokens and frees the extensions. The last admin cannot be archived.
func (s *Store) ArchiveAgent(ctx context.Context, a Actor, id uuid.UUID) (Agent, error) {
	return s.changeAgent(ctx, a, id, "archive", func(tx pgx.Tx, before Agent) (Agent, bool, error) {
		after := before
		if after.ArchivedAt == nil {
			now := time.Now()
			after.ArchivedAt = &now
		}
		tokens, err := collectIDs(ctx, tx, `DELETE FROM api_token WHERE agent_id = $1 RETURNING id`, id)
		if err == nil {
			err = tellEnded(ctx, tx, tokens)
		}
		if err != nil {
			return Agent{}, false, wrap(err, "end the tokens of %s", id)
		}
		return after, true, nil
	})
}

// RestoreAgent undoes ArchiveAgent, without the tokens. FieldErrors when name or extensions are another's meanwhile.
func (s *Store) RestoreAgent(ctx context.Context, a Actor, id uuid.UUID) (Agent, error) {
	return s.changeAgent(ctx, a, id, "restore", func(_ pgx.Tx, before Agent) (Agent, bool, error) {
		before.ArchivedAt = nil
		return before, false, nil
	})
}

// changeAgent saves what change makes of an agent, all writers of agents waiting for one another; endSessions says
// whether the agent must log in again.
func (s *Store) changeAgent(ctx context.Context, a Actor, id uuid.UUID, action string,
	change func(tx pgx.Tx, before Agent) (after Agent, endSessions bool, err error),
) (Agent, error) {
	if err := a.Require(AgentsWrite); err != nil {
		return Agent{}, err
	}
	var saved Agent
	var ended []uuid.UUID
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := lockAgents(ctx, tx); err != nil {
			return err
		}
		before, err := readAgent(ctx, tx, id)
		if err != nil {
			return err
		}
		after, end, err := change(tx, before)
		if err != nil {
			return err
		}
		if end {
			ended, err = collectIDs(ctx, tx, `DELETE FROM session WHERE agent_id = $1 RETURNING id`, id)
			if err == nil {
				err = tellEnded(ctx, tx, ended)
			}
			if err != nil {
				return wrap(err, "end the sessions of %s", id)
			}
		}
		saved, err = saveAgent(ctx, tx, a, action, before, after)
		return err
	})
	if err != nil {
		return Agent{}, err
	}
	s.sessions.end(ended...)
	s.refreshAfter(ctx)
	return saved, nil
}

// saveAgent writes what an agent has become, with the lock of agents held.
func saveAgent(ctx context.Context, tx pgx.Tx, a Actor, action string, before, after Agent) (Agent, error) {
	id := before.ID
	if before.Role == RoleAdmin && before.ArchivedAt == nil && (after.Role != RoleAdmin || after.ArchivedAt != nil) {
		if err := anotherAdmin(ctx, tx, id); err != nil {
			return Agent{}, err
		}
	}
	_, err := tx.Exec(ctx, `
		UPDATE agent SET username = $2, name = $3, role = $4, team_id = $5, archived_at = $6, version = version + 1, updated_at = now()
		 WHERE id = $1`, id, after.Username, after.Name, after.Role, after.TeamID, after.ArchivedAt)
	if err != nil {
		return Agent{}, agentError(err, id)
	}
	if err := writeExtensions(ctx, tx, after); err != nil {
		return Agent{}, err
	}
	if after.Role != RoleSupervisor && after.Role != RoleAdmin {
		if _, err := tx.Exec(ctx, `DELETE FROM team_supervisor WHERE agent_id = $1`, id); err != nil {
			return Agent{}, wrap(err, "save agent %s", id)
		}
	}
	saved, err := readAgent(ctx, tx, id)
	if err != nil {
		return Agent{}, err
	}
	return saved, AuditTx(ctx, tx, a, action, "agent", id.String(), agentChanges(before, saved))
}

// lockAgents makes the writers of agents, teams and phones wait for one another until the end of the transaction.
func lockAgents(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('ringbook agents'))`)
	return wrap(err, "wait for other changes of agents")
}

func anotherAdmin(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	var there bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM agent WHERE role = 'admin' AND archived_at IS NULL AND id <> $1)`, id).Scan(&there)
	if err != nil {
		return wrap(err, "look for another admin")
	}
	if !there {
		return FieldErrors{{"role", "this is the last admin"}}
	}
	return nil
}

// checkAgent checks and trims what came from outside.
func checkAgent(f *FieldErrors, a Agent) Agent {
	a.Username = strings.ToLower(strings.TrimSpace(a.Username))
	if !usernamePattern.MatchString(a.Username) {
		f.add("username", "must be 1 to 64 letters, digits, and . _ @ + - inside")
	}
	if a.Name = text(f, "name", a.Name, maxName, false); a.Name == "" {
		a.Name = a.Username
	}
	if a.Role == "" {
		a.Role = RoleAgent
	}
	if _, ok := grants[a.Role]; !ok {
		f.add("role", `must be "agent", "sales", "supervisor" or "admin"`)
	}
	if len(a.Extensions) > 20 {
		f.add("extensions", "are more than 20")
		return a
	}
	extensions := []string{}
	for i, e := range a.Extensions {
		field := fmt.Sprintf("extensions[%d]", i)
		e = strings.TrimSpace(asciiDigits(strings.ToValidUTF8(e, "?")))
		number, pbx, at := strings.Cut(e, "@")
		switch {
		case !extensionPattern.MatchString(number):
			f.add(field, "is not an extension")
		case at && (pbx == "" || text(f, field, pbx, 100, false) != pbx):
			f.add(field, "names no PBX after the @")
		case slices.Contains(extensions, e):
			f.add(field, "is there twice")
		default:
			extensions = append(extensions, e)
		}
	}
	a.Extensions = extensions
	return a
}

func checkTeam(ctx context.Context, tx pgx.Tx, team *uuid.UUID) error {
	if team == nil {
		return nil
	}
	var there bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM team WHERE id = $1 AND archived_at IS NULL)`, *team).Scan(&there)
	if err != nil {
		return wrap(err, "read team %s", *team)
	}
	if !there {
		return FieldErrors{{"team_id", "there is no such team"}}
	}
	return nil
}

// writeExtensions replaces an agent's extensions. Of a live agent each must be free on its PBX; "any PBX" is in the
// way of every one.
func writeExtensions(ctx context.Context, tx pgx.Tx, a Agent) error {
	if _, err := tx.Exec(ctx, `DELETE FROM agent_extension WHERE agent_id = $1`, a.ID); err != nil {
		return wrap(err, "save the extensions of %s", a.ID)
	}
	var f FieldErrors
	for i, e := range a.Extensions {
		number, pbx, _ := strings.Cut(e, "@")
		if a.ArchivedAt == nil {
			var owner string
			err := tx.QueryRow(ctx, `
				SELECT a.username FROM agent_extension e JOIN agent a ON a.id = e.agent_id
				 WHERE e.active AND e.extension = $1 AND (e.pbx = $2 OR e.pbx = '' OR $2 = '') AND e.agent_id <> $3
				 LIMIT 1`, number, pbx, a.ID).Scan(&owner)
			if err == nil {
				f.add(fmt.Sprintf("extensions[%d]", i), "belongs to "+owner)
				continue
			} else if !errors.Is(err, pgx.ErrNoRows) {
				return wrap(err, "look for the agent of an extension")
			}
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO agent_extension (agent_id, pbx, extension, position, active) VALUES ($1, $2, $3, $4, $5)`,
			a.ID, pbx, number, i, a.ArchivedAt == nil)
		if err != nil {
			return wrap(err, "save the extensions of %s", a.ID)
		}
	}
	return f.err()
}

func agentError(err error, id uuid.UUID) error {
	if isUnique(err, "agent_username") {
		return FieldErrors{{"username", "another agent has it"}}
	}
	return wrap(err, "save agent %s", id)
}

func agentChanges(before, after Agent) changes {
	d := changes{}
	d.note("username", before.Username, after.Username)
	d.note("name", before.Name, after.Name)
	d.note("role", before.Role, after.Role)
	d.note("team_id", before.TeamID, after.TeamID)
	if !slices.Equal(before.Extensions, after.Extensions) {
		d["extensions"] = [2]any{before.Extensions, after.Extensions}
	}
	return d
}
