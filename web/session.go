package web

import (
	"net/http"
	"time"

	"github.com/google/uuid"
)

// Me is who the request comes from, and what they like.
type Me struct {
	Agent       Agent       `json:"agent"`
	Preferences Preferences `json:"preferences"`
	Permissions []Grant     `json:"permissions" doc:"what the role allows, each with its scope; what is not listed is not allowed"`
	Version     string      `json:"version" doc:"the running version of ringbook"`
}

// Grant is one permission of the actor.
type Grant struct {
	Permission string `json:"permission"`
	Scope      string `json:"scope" enum:"own,team,all"`
}

// Preferences is how an agent likes the pages.
type Preferences struct {
	Language string `json:"language" enum:"fa,en"`
	Theme    string `json:"theme" enum:"light,dark,auto"`
	Digits   string `json:"digits" enum:"persian,latin" doc:"of phone numbers, extensions and durations"`
}

// MePatch changes what it names and leaves the rest.
type MePatch struct {
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
	New     string `json:"new" minLength:"8" maxLength:"200" writeOnly:"true"`
}

// Token is an API token; its secret is shown only when it is made.
type Token struct {
	ID         uuid.UUID  `json:"id" format:"uuid"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// TokenInput makes a token.
type TokenInput struct {
	Name      string     `json:"name" minLength:"1" maxLength:"200" doc:"what it is for"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"never, when left out"`
}

// NewToken is a token with its secret.
type NewToken struct {
	Token  Token  `json:"token"`
	Secret string `json:"secret" doc:"shown this once: Authorization: Bearer SECRET"`
}

// TokenPage is all tokens of the actor.
type TokenPage struct {
	Items []Token `json:"items"`
	Next  *string `json:"next"`
}

type loginInput struct{ Body Credentials }

type loginOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Me
}

type logoutOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

type meOutput struct{ Body Me }

type patchMeInput struct{ Body MePatch }

type passwordInput struct{ Body PasswordChange }

type tokenPageOutput struct{ Body TokenPage }

type createTokenInput struct{ Body TokenInput }

type newTokenOutput struct{ Body NewToken }
