package crm

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Token is a key for programs. What it opens is shown once, by CreateToken.
type Token struct {
	ID        uuid.UUID  `json:"id"`
	AgentID   uuid.UUID  `json:"agent_id"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	LastUsed  *time.Time `json:"last_used"` // to the minute
	ExpiresAt *time.Time `json:"expires_at"`
}

const tokenColumns = `t.id, t.agent_id, t.name, t.created_at, t.last_used, t.expires_at`

func (t *Token) fields() []any {
	return []any{&t.ID, &t.AgentID, &t.Name, &t.CreatedAt, &t.LastUsed, &t.ExpiresAt}
}

// tokenPrefix lets people and secret scanners know what they have found.
const tokenPrefix = "ringbook_"

// CreateToken makes an API token for a live agent, with the agent's rights; life 0: for ever.
func (s *Store) CreateToken(ctx context.Context, a Actor, agent uuid.UUID, name string, life time.Duration) (secretText string, t Token, err error) {
	if err := a.over(TokensManage, agent); err != nil {
		return "", Token{}, err
	}
	var f FieldErrors
	if name = text(&f, "name", name, maxName, false); name == "" && len(f) == 0 {
		f.add("name", "is empty")
	}
	if life < 0 {
		f.add("expires_at", "is in the past")
	}
	if err := f.err(); err != nil {
		return "", Token{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", Token{}, err
	}
	var expires *time.Time
	if life > 0 {
		e := time.Now().Add(life)
		expires = &e
	}
	secretText = tokenPrefix + secret()
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			INSERT INTO api_token AS t (id, token_hash, agent_id, name, expires_at)
			SELECT $1, $2, a.id, $4, $5 FROM agent a WHERE a.id = $3 AND a.archived_at IS NULL
			RETURNING `+tokenColumns, id, hash(secretText), agent, name, expires).Scan(t.fields()...)
		if err != nil {
			return wrap(err, "make a token for %s", agent)
		}
		return AuditTx(ctx, tx, a, "create", "token", id.String(), map[string]any{"agent_id": agent, "name": name})
	})
	if err != nil {
		return "", Token{}, err
	}
	return secretText, t, nil
}

// Tokens lists an agent's tokens, the newest first.
func (s *Store) Tokens(ctx context.Context, a Actor, agent uuid.UUID) ([]Token, error) {
	if err := a.over(TokensManage, agent); err != nil {
		return nil, err
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT `+tokenColumns+` FROM api_token t WHERE t.agent_id = $1 ORDER BY t.id DESC LIMIT 1000`, agent)
	if err != nil {
		return nil, wrap(err, "list tokens")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Token, err error) {
		return t, row.Scan(t.fields()...)
	})
	return list, wrap(err, "list tokens")
}

// EndToken ends one token. ErrNotFound if it is none, or one that the actor may not end.
func (s *Store) EndToken(ctx context.Context, a Actor, id uuid.UUID) error {
	cond, args := a.ScopeSQL(TokensManage, "agent_id", 2)
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM api_token WHERE id = $1 AND `+cond, append([]any{id}, args...)...)
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		if err == nil {
			err = tellEnded(ctx, tx, []uuid.UUID{id})
		}
		if err != nil {
			return wrap(err, "end token %s", id)
		}
		return AuditTx(ctx, tx, a, "delete", "token", id.String(), changes{})
	})
	if err == nil {
		s.sessions.end(id)
	}
	return err
}

// TokenActor tells whose token it is, and notes that it is in use. ErrUnauthenticated if nobody's.
func (s *Store) TokenActor(ctx context.Context, secretText string) (Actor, Token, error) {
	var a Actor
	var t Token
	err := s.db.Pool().QueryRow(ctx, `
		SELECT `+tokenColumns+`, `+actorColumns+`
		  FROM api_token t JOIN agent a ON a.id = t.agent_id
		 WHERE t.token_hash = $1 AND a.archived_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())`,
		hash(secretText)).Scan(append(t.fields(), a.fields()...)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return Actor{}, Token{}, ErrUnauthenticated
	} else if err != nil {
		return Actor{}, Token{}, wrap(err, "read a token")
	}
	if t.LastUsed == nil || time.Since(*t.LastUsed) > time.Minute {
		if _, err := s.db.Pool().Exec(ctx, `UPDATE api_token SET last_used = now() WHERE id = $1`, t.ID); err != nil {
			return Actor{}, Token{}, wrap(err, "touch a token")
		}
	}
	return a, t, nil
}
