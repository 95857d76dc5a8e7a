package crm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Device is where a log-in comes from.
type Device struct {
	Address   string // of the network, without port
	UserAgent string
}

// Session is one log-in of one browser.
type Session struct {
	ID        uuid.UUID `json:"id"`
	AgentID   uuid.UUID `json:"agent_id"`
	Address   string    `json:"address"`
	UserAgent string    `json:"user_agent"`
	CreatedAt time.Time `json:"created_at"`
	LastSeen  time.Time `json:"last_seen"`  // to the minute
	ExpiresAt time.Time `json:"expires_at"` // at the latest
}

// sessions are those that this node has seen, to tell of their end whoever ends them.
type sessions struct {
	ended hooks[uuid.UUID]
	mu    sync.Mutex
	seen  map[uuid.UUID]bool // guarded by mu
}

func newSessions() *sessions { return &sessions{seen: map[uuid.UUID]bool{}} }

func (s *sessions) saw(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[id] = true
}

func (s *sessions) all() []uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]uuid.UUID, 0, len(s.seen))
	for id := range s.seen {
		ids = append(ids, id)
	}
	return ids
}

func (s *sessions) end(ids ...uuid.UUID) {
	for _, id := range ids {
		s.mu.Lock()
		delete(s.seen, id)
		s.mu.Unlock()
		s.ended.call(id)
	}
}

func hash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// actorColumns fill an Actor, by position, from agent a.
const actorColumns = `a.id, a.username, a.name, a.role, a.team_id,
	ARRAY(SELECT ts.team_id FROM team_supervisor ts JOIN team t ON t.id = ts.team_id
	       WHERE ts.agent_id = a.id AND t.archived_at IS NULL ORDER BY ts.team_id)`

func (a *Actor) fields() []any {
	return []any{&a.AgentID, &a.Username, &a.Name, &a.Role, &a.TeamID, &a.Teams}
}

const sessionColumns = `s.id, s.agent_id, s.address, s.user_agent, s.created_at, s.last_seen, s.expires_at`

func (s *Session) fields() []any {
	return []any{&s.ID, &s.AgentID, &s.Address, &s.UserAgent, &s.CreatedAt, &s.LastSeen, &s.ExpiresAt}
}

// Login checks a password and begins a session. token is the cookie's value; it is stored nowhere. Fails with
// ErrUnauthenticated or *ThrottledError, and takes as long for an unknown name as for a wrong password.
func (s *Store) Login(ctx context.Context, username, password string, d Device) (token string, sess Session, a Actor, err error) {
	username = strings.ToLower(clean(username))
	d = Device{Address: clean(d.Address), UserAgent: clean(d.UserAgent)}
	if wait := s.throttle.wait(username, d.Address); wait > 0 {
		return "", Session{}, Actor{}, &ThrottledError{RetryAfter: wait}
	}
	var stored string
	err = s.db.Pool().QueryRow(ctx, `
		SELECT a.password_hash, `+actorColumns+` FROM agent a WHERE lower(a.username) = $1 AND a.archived_at IS NULL`, username).
		Scan(append([]any{&stored}, a.fields()...)...)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", Session{}, Actor{}, wrap(err, "log in")
	}
	// Counted before it is known, so that many guesses at once do not slip through together.
	s.throttle.failed(username, d.Address)
	ok, err := s.samePassword(ctx, stored, password)
	if err != nil {
		return "", Session{}, Actor{}, wrap(err, "log in")
	}
	if !ok {
		return "", Session{}, Actor{}, fmt.Errorf("log in: %w", ErrUnauthenticated)
	}
	s.throttle.succeeded(username, d.Address)

	id, err := uuid.NewV7()
	if err != nil {
		return "", Session{}, Actor{}, err
	}
	token = secret()
	err = s.db.Pool().QueryRow(ctx, `
		INSERT INTO session AS s (id, token_hash, agent_id, address, user_agent, expires_at)
		SELECT $1, $2, a.id, $4, $5, now() + $6
		  FROM agent a WHERE a.id = $3 AND a.archived_at IS NULL AND a.password_hash = $7
		RETURNING `+sessionColumns,
		id, hash(token), a.AgentID, d.Address, d.UserAgent, s.config.SessionLifetime, stored).Scan(sess.fields()...)
	if errors.Is(err, pgx.ErrNoRows) { // archived, or the password changed, in this moment
		err = ErrUnauthenticated
	}
	if err != nil {
		return "", Session{}, Actor{}, wrap(err, "log in")
	}
	s.sessions.saw(sess.ID)
	return token, sess, a, nil
}

// SessionActor tells whose session a token opens, and notes that it is in use. ErrUnauthenticated if none.
func (s *Store) SessionActor(ctx context.Context, token string) (Actor, Session, error) {
	var a Actor
	var sess Session
	err := s.db.Pool().QueryRow(ctx, `
		SELECT `+sessionColumns+`, `+actorColumns+`
		  FROM session s JOIN agent a ON a.id = s.agent_id
		 WHERE s.token_hash = $1 AND a.archived_at IS NULL AND s.expires_at > now() AND s.last_seen > now() - $2::interval`,
		hash(token), s.config.SessionIdle).Scan(append(sess.fields(), a.fields()...)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return Actor{}, Session{}, ErrUnauthenticated
	} else if err != nil {
		return Actor{}, Session{}, wrap(err, "read a session")
	}
	s.sessions.saw(sess.ID)
	if time.Since(sess.LastSeen) > time.Minute {
		_, err := s.db.Pool().Exec(ctx, `UPDATE session SET last_seen = now() WHERE id = $1`, sess.ID)
		if err != nil {
			return Actor{}, Session{}, wrap(err, "touch a session")
		}
	}
	return a, sess, nil
}

// Logout ends the session of a token; none is fine.
func (s *Store) Logout(ctx context.Context, token string) error {
	return s.endSessions(ctx, `DELETE FROM session WHERE token_hash = $1 RETURNING id`, hash(token))
}

// Sessions lists the live sessions of an agent, the last used first.
func (s *Store) Sessions(ctx context.Context, a Actor, agent uuid.UUID) ([]Session, error) {
	if err := a.over(SessionsManage, agent); err != nil {
		return nil, err
	}
	rows, err := s.db.Pool().Query(ctx, `
		SELECT `+sessionColumns+` FROM session s
		 WHERE s.agent_id = $1 AND s.expires_at > now() AND s.last_seen > now() - $2::interval
		 ORDER BY s.last_seen DESC, s.id`, agent, s.config.SessionIdle)
	if err != nil {
		return nil, wrap(err, "list sessions")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (sess Session, err error) {
		return sess, row.Scan(sess.fields()...)
	})
	return list, wrap(err, "list sessions")
}

// EndSession ends one session. ErrNotFound if it is none, or one that the actor may not end.
func (s *Store) EndSession(ctx context.Context, a Actor, id uuid.UUID) error {
	cond, args := a.ScopeSQL(SessionsManage, "agent_id", 2)
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		var ended uuid.UUID
		err := tx.QueryRow(ctx, `DELETE FROM session WHERE id = $1 AND `+cond+` RETURNING id`, append([]any{id}, args...)...).Scan(&ended)
		if err != nil {
			return wrap(err, "end session %s", id)
		}
		return tellEnded(ctx, tx, []uuid.UUID{ended})
	})
	if err == nil {
		s.sessions.end(id)
	}
	return err
}

// OnSessionEnd calls f with the id of every session that ends from now on; f must not block. stop takes f off.
// What this node ends is told at once, what another node ends as soon as Heed is told, what expires within
// Config.RefreshEvery. The id may be a token's too.
func (s *Store) OnSessionEnd(f func(session uuid.UUID)) (stop func()) { return s.sessions.ended.add(f) }

// endSessions runs a DELETE … RETURNING id in a transaction and tells of what it ended.
func (s *Store) endSessions(ctx context.Context, sql string, args ...any) error {
	var ids []uuid.UUID
	err := s.db.InTx(ctx, func(tx pgx.Tx) (err error) {
		if ids, err = collectIDs(ctx, tx, sql, args...); err != nil {
			return err
		}
		return tellEnded(ctx, tx, ids)
	})
	if err != nil {
		return wrap(err, "end sessions")
	}
	s.sessions.end(ids...)
	return nil
}

func collectIDs(ctx context.Context, q querier, sql string, args ...any) ([]uuid.UUID, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// sweepSessions ends what has expired, and tells of what others have ended.
func (s *Store) sweepSessions(ctx context.Context) error {
	err := s.endSessions(ctx, `
		DELETE FROM session WHERE expires_at <= now() OR last_seen <= now() - $1::interval RETURNING id`, s.config.SessionIdle)
	if err != nil {
		return err
	}
	seen := s.sessions.all()
	live, err := collectIDs(ctx, s.db.Pool(), `SELECT id FROM session WHERE id = ANY($1)`, seen)
	if err != nil {
		return wrap(err, "look for ended sessions")
	}
	still := make(map[uuid.UUID]bool, len(live))
	for _, id := range live {
		still[id] = true
	}
	s.sessions.end(slices.DeleteFunc(seen, func(id uuid.UUID) bool { return still[id] })...)
	return nil
}

// ChangePassword sets the actor's own password and ends the actor's other sessions. ErrUnauthenticated if old is
// wrong; keep is the session that stays, uuid.Nil for none.
func (s *Store) ChangePassword(ctx context.Context, a Actor, keep uuid.UUID, old, new string) error {
	var f FieldErrors
	checkPassword(&f, "password", new)
	if err := f.err(); err != nil {
		return err
	}
	var username, stored string
	err := s.db.Pool().QueryRow(ctx, `SELECT username, password_hash FROM agent WHERE id = $1 AND archived_at IS NULL`, a.AgentID).Scan(&username, &stored)
	if err != nil {
		return wrap(err, "change a password")
	}
	const address = "(change)"
	if wait := s.throttle.wait(username, address); wait > 0 {
		return &ThrottledError{RetryAfter: wait}
	}
	s.throttle.failed(username, address)
	if ok, err := s.samePassword(ctx, stored, old); err != nil {
		return wrap(err, "change a password")
	} else if !ok {
		return fmt.Errorf("change a password: %w", ErrUnauthenticated)
	}
	s.throttle.succeeded(username, address)
	hashed, err := s.hashPassword(ctx, new)
	if err != nil {
		return wrap(err, "change a password")
	}
	var ended []uuid.UUID
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE agent SET password_hash = $2, updated_at = now() WHERE id = $1 AND password_hash = $3`, a.AgentID, hashed, stored)
		if err != nil {
			return wrap(err, "change a password")
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("change a password: %w", ErrConflict)
		}
		ended, err = collectIDs(ctx, tx, `DELETE FROM session WHERE agent_id = $1 AND id <> $2 RETURNING id`, a.AgentID, keep)
		if err == nil {
			err = tellEnded(ctx, tx, ended)
		}
		if err != nil {
			return wrap(err, "change a password")
		}
		return AuditTx(ctx, tx, a, "password", "agent", a.AgentID.String(), changes{})
	})
	if err != nil {
		return err
	}
	s.sessions.end(ended...)
	return nil
}

// over is nil if the permission covers the things of that agent.
func (a Actor) over(p Permission, agent uuid.UUID) error {
	if sc := a.Scope(p); sc == ScopeAll || (sc >= ScopeOwn && agent == a.AgentID && agent != uuid.Nil) {
		return nil
	}
	return fmt.Errorf("%s: %w", p, ErrForbidden)
}

// EnsureAdmin makes the account "admin" if there is no live admin, with the given password or a generated one,
// which it returns; empty if nothing was generated.
func (s *Store) EnsureAdmin(ctx context.Context, password string) (generated string, err error) {
	given := password != ""
	if !given {
		password = secret()[:20]
	}
	var made bool
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := lockAgents(ctx, tx); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM agent WHERE role = 'admin' AND archived_at IS NULL)`).Scan(&there); err != nil {
			return wrap(err, "look for an admin")
		}
		if there {
			return nil
		}
		hashed, err := s.hashPassword(ctx, password)
		if err != nil {
			return err
		}
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO agent (id, username, name, role, password_hash) VALUES ($1, 'admin', 'admin', 'admin', $2)`, id, hashed); err != nil {
			return agentError(err, id)
		}
		made = true
		return AuditTx(ctx, tx, System, "create", "agent", id.String(), changes{})
	})
	if err != nil {
		return "", fmt.Errorf("make the first admin: %w", err)
	}
	if !made || given {
		return "", nil
	}
	return password, nil
}
