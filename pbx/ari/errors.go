package ari

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/gorilla/websocket"
)

// Sentinels that a caller of the REST methods may decide on with errors.Is.
var (
	ErrNotFound     = errors.New("not found")                // 404: no such channel, bridge, application, ...
	ErrConflict     = errors.New("conflict")                 // 409: in the wrong state, or the id exists already
	ErrNotInStasis  = errors.New("channel not in Stasis")    // 409 of a call that only works on channels in Stasis; also an ErrConflict
	ErrUnauthorized = errors.New("unauthorized")             // 401: wrong user or password
	ErrForbidden    = errors.New("forbidden")                // 403: the user is read-only
	ErrUnavailable  = errors.New("the PBX is not available") // 5xx, refused, reset, timed out
)

// Error is why a REST call failed. It carries neither the password nor the query.
type Error struct {
	Op      string // "POST /channels/17.4/snoop"
	Status  int    // 0 if there was no answer
	Message string // the PBX's own words, shortened
	Err     error  // the transport's error if Status is 0, or why the answer could not be read
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes an Error match the sentinels of this package by its status.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrConflict:
		return e.Status == http.StatusConflict
	case ErrNotInStasis:
		return e.Status == http.StatusConflict && strings.Contains(strings.ToLower(e.Message), "not in stasis")
	case ErrUnauthorized:
		return e.Status == http.StatusUnauthorized
	case ErrForbidden:
		return e.Status == http.StatusForbidden
	case ErrUnavailable:
		return e.Status >= 500 || e.Status == 0 && !errors.Is(e.Err, context.Canceled)
	}
	return false
}

// The ends of a connection that are not an error of the network.
var (
	errDeaf         = errors.New("the test event did not come back: the connection is open but delivers no events")
	errUnsubscribed = errors.New("the PBX did not keep the subscriptions")
	errOverflow     = errors.New("events arrived faster than they were consumed: all that were waiting were given up")
	errReplaced     = errors.New("another client connected under our application name")
	errHandshake    = errors.New("the PBX refused the WebSocket")
)

// handshake is the Op of opening the event stream.
const handshake = "GET /events"

// trouble is what a failed or ended connection means: a label for metrics, words for people, and how to go on.
type trouble struct {
	label  string // a small closed set
	reason string // plain words, without names of callers, numbers or secrets
	gap    GapReason
	slow   bool // somebody must change something at the PBX or here: do not hammer, and say it loudly
}

// absent tells whether the PBX is simply not there, as while it starts anew. What forwards a port for it, as container
// engines do, takes the connection then and closes it without a word.
func absent(t trouble, err error) bool {
	var rest *Error
	silent := errors.As(err, &rest) && rest.Op == handshake && rest.Status == 0
	return t.label == "refused" || t.label == "unavailable" || t.label == "timeout" || t.label == "closed" && silent
}

// diagnose finds out what err means.
func diagnose(err error) trouble {
	var (
		rest    *Error
		record  tls.RecordHeaderError
		cert    *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		dns     *net.DNSError
		op      *net.OpError
	)
	hasStatus := errors.As(err, &rest) && rest.Status != 0
	switch {
	case errors.Is(err, errReplaced):
		return trouble{"replaced", "another client connected under our application name", GapReplaced, true}
	case errors.Is(err, errOverflow):
		return trouble{"overflow", "events arrived faster than they could be handled", GapOverflow, false}
	case errors.Is(err, errUnsubscribed):
		return trouble{"deaf", "the PBX did not keep the subscriptions: connecting anew", GapDeaf, false}
	case errors.Is(err, errDeaf):
		return trouble{"deaf", "the connection is open but delivers no events", GapDeaf, false}
	case errors.Is(err, ErrUnauthorized):
		return trouble{"unauthorized", "the PBX refuses the ARI user or its password", GapDisconnected, true}
	case errors.Is(err, ErrForbidden) && strings.HasPrefix(rest.Op, http.MethodGet):
		return trouble{"forbidden", "the PBX forbids the ARI user even to read: look for an access list in its ari.conf or http.conf", GapDisconnected, true}
	case errors.Is(err, ErrForbidden):
		return trouble{"forbidden", "the ARI user is read-only: set read_only=no for it in the PBX's ari.conf", GapDisconnected, true}
	case hasStatus && errors.Is(err, ErrNotFound) && rest.Message == "Application not found":
		return trouble{"deaf", "the PBX has forgotten our application although the event stream is open: connecting anew", GapDeaf, false}
	case hasStatus && errors.Is(err, ErrNotFound):
		return trouble{"not_found", "there is no ARI at this address: check the path in the URL (usually /ari), and that ari.conf says enabled=yes", GapDisconnected, true}
	case hasStatus && errors.Is(err, ErrUnavailable):
		return trouble{"unavailable", "the PBX answers that it is not available (starting, stopping or overloaded)", GapDisconnected, false}
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return trouble{"tls", "the PBX does not speak TLS at this address: use http:// instead of https://, or the TLS port", GapDisconnected, true}
	case errors.As(err, &unknown):
		return trouble{"tls", "the PBX's TLS certificate is signed by nobody we trust", GapDisconnected, true}
	case errors.As(err, &name):
		return trouble{"tls", "the PBX's TLS certificate is for another host name", GapDisconnected, true}
	case errors.As(err, &invalid), errors.As(err, &cert):
		return trouble{"tls", "the PBX's TLS certificate is not valid", GapDisconnected, true}
	case errors.Is(err, websocket.ErrReadLimit):
		return trouble{"too_big", "the PBX sent a message that is too big to be an event", GapDisconnected, false}
	case errors.Is(err, errHandshake), hasStatus && rest.Status == http.StatusOK:
		return trouble{"handshake", "something answers at this address, but it is not ARI", GapDisconnected, true}
	case errors.As(err, &dns):
		return trouble{"dns", "the PBX's host name cannot be resolved", GapDisconnected, false}
	case refused(err):
		return trouble{"refused", "nothing listens at the PBX's address: is Asterisk running, and http.conf enabled?", GapDisconnected, false}
	case timedOut(err) && rest != nil && rest.Op != handshake && !(errors.As(err, &op) && op.Op == "dial"):
		return trouble{"wedged", "the PBX takes connections but answers no ARI request: if this lasts, its ARI is deadlocked (asterisk#2170) and Asterisk must be restarted", GapDisconnected, false}
	case timedOut(err):
		return trouble{"timeout", "the PBX does not answer in time", GapDisconnected, false}
	}
	return trouble{"closed", "the connection to the PBX ended", GapDisconnected, false}
}

func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

func refused(err error) bool {
	var op *net.OpError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) ||
		errors.Is(err, syscall.ENETUNREACH) || errors.As(err, &op) && op.Op == "dial" && !op.Timeout()
}

// Explain says in plain words, without secrets, what the failure of a REST call means to whoever runs the PBX.
func Explain(err error) string { return diagnose(err).reason }
