package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/google/uuid"

	"ringbook/crm"
)

// identity is who a request comes from, and by which session or token.
type identity struct {
	actor   crm.Actor
	session uuid.UUID // of the session or the token
	secret  string    // the token; empty for a session
}

type identityKey struct{}

// actorOf is the actor of a request that passed authorize; the zero Actor, which may do nothing, of any other.
func actorOf(ctx context.Context) crm.Actor { return identityOf(ctx).actor }

func identityOf(ctx context.Context) identity {
	id, _ := ctx.Value(identityKey{}).(identity)
	return id
}

// Names of the session cookie. Browsers take the first only over TLS, and then from this very host only.
const (
	secureCookie = "__Host-ringbook"
	plainCookie  = "ringbook"
)

func (s *Server) cookieName(r *http.Request) string {
	if s.secure(r) {
		return secureCookie
	}
	return plainCookie
}

// cookie is the session cookie with a token until it expires; an empty token takes the cookie back.
func (s *Server) cookie(r *http.Request, token string, expires time.Time) http.Cookie {
	c := http.Cookie{
		Name: s.cookieName(r), Value: token, Path: "/", Expires: expires,
		HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	return c
}

// authenticate tells who a request comes from: errNoSession if from nobody. A bearer token goes before a cookie.
func (s *Server) authenticate(r *http.Request) (identity, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, secret, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") || secret == "" {
			return identity{}, errNoSession
		}
		actor, token, err := s.Store.TokenActor(r.Context(), secret)
		if err != nil {
			return identity{}, noSession(err)
		}
		return identity{actor: actor, session: token.ID, secret: secret}, nil
	}
	c, err := r.Cookie(s.cookieName(r))
	if err != nil || c.Value == "" {
		return identity{}, errNoSession
	}
	actor, session, err := s.Store.SessionActor(r.Context(), c.Value)
	if err != nil {
		return identity{}, noSession(err)
	}
	return identity{actor: actor, session: session.ID}, nil
}

func noSession(err error) error {
	if errors.Is(err, crm.ErrUnauthenticated) {
		return errNoSession
	}
	return err
}

// authorize lets an operation through only to those whom its permission allows.
func (s *Server) authorize(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	if name, ok := badText(r.URL.RawQuery); !ok {
		write(w, queryProblem(name, "must be UTF-8 text without NUL"))
		return
	}
	ctx = huma.WithValue(ctx, requestKey{}, r)
	permission, _ := ctx.Operation().Metadata[permissionKey].(crm.Permission)
	if permission == public {
		next(ctx)
		return
	}
	id, err := s.authenticate(r)
	if err == nil && permission != anySession && !id.actor.Can(permission) {
		err = crm.ErrForbidden
	}
	if err != nil {
		write(w, s.problem(r.Context(), r.Method, err))
		return
	}
	next(huma.WithValue(ctx, identityKey{}, id))
}

// requestKey carries the request to the handlers that set cookies.
type requestKey struct{}

func requestOf(ctx context.Context) *http.Request {
	r, _ := ctx.Value(requestKey{}).(*http.Request)
	return r
}

// badText names the first query parameter that PostgreSQL could not take as text; ok if there is none.
func badText(query string) (name string, ok bool) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", false
	}
	for name, vs := range values {
		for _, v := range vs {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return strings.ToValidUTF8(name, "?"), false
			}
		}
	}
	return "", true
}

// sameOrigin reports whether a request that opens a socket comes from a page of ours, or from no page at all.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// device is where a log-in comes from.
func (s *Server) device(r *http.Request) crm.Device {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	if s.Secure {
		// The last entry is the one that our proxy has added; those before it are whatever the client claimed.
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if last := strings.TrimSpace(hops[len(hops)-1]); net.ParseIP(last) != nil {
			address = last
		}
	}
	agent := strings.ToValidUTF8(r.UserAgent(), "")
	if len(agent) > 300 {
		agent = strings.ToValidUTF8(agent[:300], "")
	}
	return crm.Device{Address: address, UserAgent: agent}
}
