package crm

import (
	"context"
	"time"

	"github.com/google/uuid"
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

// Token is a key for programs. What it opens is shown once, by CreateToken.
type Token struct {
	ID        uuid.UUID  `json:"id"`
	AgentID   uuid.UUID  `json:"agent_id"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	LastUsed  *time.Time `json:"last_used"`
	ExpiresAt *time.Time `json:"expires_at"`
}

// Login checks a password and begins a session. token is the cookie's value; it is stored nowhere. Fails with
// ErrUnauthenticated or *ThrottledError, and takes as long for an unknown name as for a wrong password.
func (s *Store) Login(ctx context.Context, username, password string, d Device) (token string, sess Session, a Actor, err error) {
	return "", Session{}, Actor{}, errUnfinished
}

// SessionActor tells whose session a token opens, and notes that it is in use. ErrUnauthenticated if none.
func (s *Store) SessionActor(ctx context.Context, token string) (Actor, Session, error) {
	return Actor{}, Session{}, errUnfinished
}

// Logout ends the session of a token; none is fine.
func (s *Store) Logout(ctx context.Context, token string) error { return errUnfinished }

// Sessions lists the live sessions of an agent.
func (s *Store) Sessions(ctx context.Context, a Actor, agent uuid.UUID) ([]Session, error) {
	return nil, errUnfinished
}

// EndSession ends one session.
func (s *Store) EndSession(ctx context.Context, a Actor, id uuid.UUID) error { return errUnfinished }

// OnSessionEnd calls f with the id of every session that ends from now on, however it ends on this node; f must not
// block. stop takes f off. Sessions that another node ends are noticed within Config.RefreshEvery.
func (s *Store) OnSessionEnd(f func(session uuid.UUID)) (stop func()) { return func() {} }

// ChangePassword sets the actor's own password and ends the actor's other sessions. ErrUnauthenticated if old is wrong.
func (s *Store) ChangePassword(ctx context.Context, a Actor, keep uuid.UUID, old, new string) error {
	return errUnfinished
}

// CreateToken makes an API token for an agent; life 0: for ever.
func (s *Store) CreateToken(ctx context.Context, a Actor, agent uuid.UUID, name string, life time.Duration) (secret string, t Token, err error) {
	return "", Token{}, errUnfinished
}

// Tokens lists an agent's tokens.
func (s *Store) Tokens(ctx context.Context, a Actor, agent uuid.UUID) ([]Token, error) {
	return nil, errUnfinished
}

// EndToken ends one token.
func (s *Store) EndToken(ctx context.Context, a Actor, id uuid.UUID) error { return errUnfinished }

// TokenActor tells whose token it is. ErrUnauthenticated if nobody's.
func (s *Store) TokenActor(ctx context.Context, secret string) (Actor, Token, error) {
	return Actor{}, Token{}, errUnfinished
}

// EnsureAdmin makes the account "admin" if there is no live admin, with the given password or a generated one,
// which it returns; empty if nothing was generated.
func (s *Store) EnsureAdmin(ctx context.Context, password string) (generated string, err error) {
	return "", errUnfinished
}
