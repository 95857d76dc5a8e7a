package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"ringbook/crm"
)

// Me is who the request comes from, and what they like.
type Me struct {
	Agent       crm.Agent       `json:"agent"`
	Preferences crm.Preferences `json:"preferences"`
	Permissions []Grant         `json:"permissions" doc:"what the role allows; what is not listed is not allowed"`
	Version     string          `json:"version" doc:"the running version of ringbook"`
	TimeZone    string          `json:"time_zone" doc:"the business time zone, as Asia/Tehran: what a day is"`
}

// Grant is one permission of the actor, and whose things it covers.
type Grant struct {
	Permission crm.Permission `json:"permission"`
	Scope      string         `json:"scope" enum:"own,team,all"`
}

// PreferencesPatch changes what it names and leaves the rest.
type PreferencesPatch struct {
	Language *string `json:"language,omitempty" enum:"fa,en"`
	Theme    *string `json:"theme,omitempty" enum:"light,dark,auto"`
	Digits   *string `json:"digits,omitempty" enum:"persian,latin"`
}

// Credentials open a session.
type Credentials struct {
	Username string `json:"username" minLength:"1" maxLength:"200"`
	Password string `json:"password" minLength:"1" maxLength:"200" writeOnly:"true"`
}

// PasswordChange ends all other sessions of the agent.
type PasswordChange struct {
	Current string `json:"current" minLength:"1" maxLength:"200" writeOnly:"true"`
	New     string `json:"new" minLength:"1" maxLength:"200" writeOnly:"true"`
}

// TokenInput makes a token.
type TokenInput struct {
	Name      string     `json:"name" minLength:"1" maxLength:"200" doc:"what it is for"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"never, when left out"`
}

// NewToken is a token with its secret.
type NewToken struct {
	Token  crm.Token `json:"token"`
	Secret string    `json:"secret" doc:"shown this once: Authorization: Bearer SECRET"`
}

type loginInput struct{ Body Credentials }

type loginOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Me
}

func (s *Server) login(ctx context.Context, in *loginInput) (*loginOutput, error) {
	r := requestOf(ctx)
	secret, session, actor, err := s.Store.Login(ctx, in.Body.Username, in.Body.Password, s.device(r))
	if errors.Is(err, crm.ErrUnauthenticated) {
		return nil, newProblem(http.StatusUnauthorized, "The username or the password is wrong.")
	}
	if err != nil {
		return nil, err
	}
	// Whoever was logged in at this browser before no longer is, and has left, if it was somebody else.
	if c, err := r.Cookie(s.cookieName(r)); err == nil {
		before, _, err := s.Store.SessionActor(ctx, c.Value)
		if err == nil && before.AgentID != actor.AgentID {
			err = s.Store.Depart(ctx, before)
		}
		if err != nil && !errors.Is(err, crm.ErrUnauthenticated) {
			return nil, err
		}
		if err := s.Store.Logout(ctx, c.Value); err != nil {
			return nil, err
		}
	}
	if err := s.Store.Arrive(ctx, actor); err != nil {
		return nil, err
	}
	me, err := s.describe(ctx, actor)
	if err != nil {
		return nil, err
	}
	return &loginOutput{s.cookie(r, secret, session.ExpiresAt), me}, nil
}

type logoutOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *Server) logout(ctx context.Context, _ *struct{}) (*logoutOutput, error) {
	r := requestOf(ctx)
	if c, err := r.Cookie(s.cookieName(r)); err == nil {
		if err := s.Store.Depart(ctx, actorOf(ctx)); err != nil {
			return nil, err
		}
		if err := s.Store.Logout(ctx, c.Value); err != nil {
			return nil, err
		}
	}
	return &logoutOutput{s.cookie(r, "", time.Time{})}, nil
}

type meOutput struct{ Body Me }

func (s *Server) me(ctx context.Context, _ *struct{}) (*meOutput, error) {
	me, err := s.describe(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return &meOutput{me}, nil
}

// describe tells an actor about themselves.
func (s *Server) describe(ctx context.Context, actor crm.Actor) (Me, error) {
	a, err := s.Store.Agent(ctx, actor, actor.AgentID)
	if err != nil {
		return Me{}, err
	}
	likes, err := s.Store.Preferences(ctx, actor)
	if err != nil {
		return Me{}, err
	}
	me := Me{Agent: wholeAgent(a), Preferences: likes, Permissions: []Grant{}, Version: s.Version, TimeZone: s.Zone.String()}
	for _, p := range crm.Permissions() {
		if scope := actor.Scope(p); scope > crm.ScopeNone {
			me.Permissions = append(me.Permissions, Grant{p, scope.String()})
		}
	}
	return me, nil
}

type patchMeInput struct{ Body PreferencesPatch }

func (s *Server) patchMe(ctx context.Context, in *patchMeInput) (*meOutput, error) {
	if _, err := s.Store.SetPreferences(ctx, actorOf(ctx), crm.PreferencesPatch(in.Body)); err != nil {
		return nil, err
	}
	return s.me(ctx, nil)
}

type passwordInput struct{ Body PasswordChange }

func (s *Server) changePassword(ctx context.Context, in *passwordInput) (*struct{}, error) {
	id := identityOf(ctx)
	err := s.Store.ChangePassword(ctx, id.actor, id.session, in.Body.Current, in.Body.New)
	if errors.Is(err, crm.ErrUnauthenticated) {
		return nil, crm.FieldErrors{{Field: "current", Problem: "is not your password"}}
	}
	return nil, err
}

type sessionPageOutput struct{ Body crm.Page[crm.Session] }

func (s *Server) listSessions(ctx context.Context, _ *struct{}) (*sessionPageOutput, error) {
	a := actorOf(ctx)
	sessions, err := s.Store.Sessions(ctx, a, a.AgentID)
	if err != nil {
		return nil, err
	}
	return &sessionPageOutput{crm.Page[crm.Session]{Items: list(sessions)}}, nil
}

func (s *Server) endSession(ctx context.Context, in *idInput) (*struct{}, error) {
	return nil, s.Store.EndSession(ctx, actorOf(ctx), in.ID)
}

type tokenPageOutput struct{ Body crm.Page[crm.Token] }

func (s *Server) listTokens(ctx context.Context, _ *struct{}) (*tokenPageOutput, error) {
	a := actorOf(ctx)
	tokens, err := s.Store.Tokens(ctx, a, a.AgentID)
	if err != nil {
		return nil, err
	}
	return &tokenPageOutput{crm.Page[crm.Token]{Items: list(tokens)}}, nil
}

type createTokenInput struct{ Body TokenInput }

type newTokenOutput struct{ Body NewToken }

func (s *Server) createToken(ctx context.Context, in *createTokenInput) (*newTokenOutput, error) {
	var life time.Duration
	if t := in.Body.ExpiresAt; t != nil {
		if life = time.Until(*t); life <= 0 {
			return nil, crm.FieldErrors{{Field: "expires_at", Problem: "lies in the past"}}
		}
	}
	a := actorOf(ctx)
	secret, token, err := s.Store.CreateToken(ctx, a, a.AgentID, in.Body.Name, life)
	if err != nil {
		return nil, err
	}
	return &newTokenOutput{NewToken{token, secret}}, nil
}

func (s *Server) endToken(ctx context.Context, in *idInput) (*struct{}, error) {
	return nil, s.Store.EndToken(ctx, actorOf(ctx), in.ID)
}
