package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
)

// errNoSession says that a request carries neither a session nor a token that is live.
var errNoSession = errors.New("no session")

// internalError is all that anybody outside learns of an error that we did not foresee.
const internalError = "Internal error. It has been logged."

// problem is the one place where errors become answers. What it does not know is logged and shown as an internal
// error; the words of an error are shown only where they were written for people.
func (s *Server) problem(ctx context.Context, method string, err error) huma.StatusError {
	var known huma.StatusError
	var fields crm.FieldErrors
	var throttled *crm.ThrottledError
	var left *calllog.FollowUpRefusal
	var taken *calllog.MissedRefusal
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &fields):
		return fieldProblem(method, fields)
	case pbx.Refused(err) != "":
		s.Log.InfoContext(ctx, "refused to act on a call", "code", pbx.Refused(err), "err", err)
		return refusal(pbx.Refused(err))
	case errors.As(err, &left):
		return followUpRefusal(left)
	case errors.As(err, &taken):
		return missedRefusal(taken)
	case errors.As(err, &throttled):
		seconds := int(throttled.RetryAfter.Seconds()) + 1
		return &headedProblem{
			ErrorModel: newProblem(http.StatusTooManyRequests, "Too many wrong passwords. Try again in "+strconv.Itoa(seconds)+" seconds."),
			headers:    http.Header{"Retry-After": {strconv.Itoa(seconds)}},
		}
	case errors.Is(err, errNoSession), errors.Is(err, crm.ErrUnauthenticated):
		return newProblem(http.StatusUnauthorized, "Log in first.")
	case errors.Is(err, crm.ErrForbidden):
		return newProblem(http.StatusForbidden, "Your role does not allow this.")
	case errors.Is(err, crm.ErrNotFound):
		return newProblem(http.StatusNotFound, "There is no such thing, or it is not yours to see.")
	case errors.Is(err, crm.ErrConflict):
		return newProblem(http.StatusConflict, "Somebody else changed this meanwhile. Load it again.")
	case errors.Is(err, calllog.ErrTooManyExports):
		return newProblem(http.StatusTooManyRequests, "Too many exports are under way. Wait for one to end, or cancel it.")
	case errors.Is(err, calllog.ErrExportTaken):
		return newProblem(http.StatusConflict, "This file was fetched already. Make the export anew.")
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return newProblem(http.StatusServiceUnavailable, "The request was given up.")
	}
	if s.databaseAway(ctx) {
		s.Log.DebugContext(ctx, "request failed while the database is away", "err", err)
		return &headedProblem{
			ErrorModel: newProblem(http.StatusServiceUnavailable, "The database does not answer. Try again in a moment."),
			headers:    http.Header{"Retry-After": {"5"}},
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		s.Log.WarnContext(ctx, "request took too long", "err", err)
		return newProblem(http.StatusServiceUnavailable, "This took too long. Try again in a moment.")
	}
	s.Log.ErrorContext(ctx, "request failed", "err", err)
	return newProblem(http.StatusInternalServerError, internalError)
}

func newProblem(status int, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}
}

// fieldProblem names the faulty members of a body, or parameters of a query.
func fieldProblem(method string, fields crm.FieldErrors) *huma.ErrorModel {
	where := "body."
	if method == http.MethodGet {
		where = "query."
	}
	p := newProblem(http.StatusUnprocessableEntity, "Some fields are wrong.")
	for _, f := range fields {
		p.Errors = append(p.Errors, &huma.ErrorDetail{Message: f.Problem, Location: where + f.Field})
	}
	return p
}

// databaseAway reports whether the database does not answer, which is likely why a request has failed.
func (s *Server) databaseAway(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	err := s.Database(ctx)
	s.heard(ctx, err)
	return err != nil
}

// outage is a time in which the database does not answer. The log tells of its beginning and of its end, not of every
// request in it.
type outage struct {
	mu       sync.Mutex
	failures int // of requests and of looks at it; 0: there is none
	since    time.Time
}

// heard takes notice of what the database answered when it was asked whether it is there. A Reason is no outage: it is not to
// be there yet.
func (s *Server) heard(ctx context.Context, err error) {
	if _, ok := errors.AsType[Reason](err); ok {
		return
	}
	o := &s.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		if o.failures > 0 {
			s.Log.InfoContext(ctx, "the database answers again", "failed", o.failures, "after", time.Since(o.since).Round(time.Millisecond))
			o.failures = 0
		}
		return
	}
	if o.failures++; o.failures == 1 {
		o.since = time.Now()
		s.Log.WarnContext(ctx, "the database does not answer: requests that need it fail", "err", err)
	}
}

// queryProblem names a faulty query parameter.
func queryProblem(name, problem string) *huma.ErrorModel {
	p := newProblem(http.StatusUnprocessableEntity, "Some parameters are wrong.")
	p.Errors = []*huma.ErrorDetail{{Message: problem, Location: "query." + name}}
	return p
}

// headedProblem is a problem with response headers.
type headedProblem struct {
	*huma.ErrorModel
	headers http.Header
}

func (p *headedProblem) GetHeaders() http.Header { return p.headers }

// model is the problem itself.
func model(err huma.StatusError) *huma.ErrorModel {
	switch p := err.(type) {
	case *huma.ErrorModel:
		return p
	case *headedProblem:
		return p.ErrorModel
	case *codedProblem:
		return p.ErrorModel
	}
	return newProblem(err.GetStatus(), err.Error())
}

// maxFaults is how many faults one problem lists.
const maxFaults = 20

// quiet makes what huma says about bad input fit for outside: the values are taken out, as huma echoes what was sent,
// which may be a password or a megabyte; the list of faults is cut short; and a missing member is named where the
// others name theirs.
func quiet(_ huma.Context, _ string, v any) (any, error) {
	err, ok := v.(huma.StatusError)
	if !ok {
		return v, nil
	}
	p := model(err)
	p.Errors = p.Errors[:min(len(p.Errors), maxFaults)]
	for _, d := range p.Errors {
		d.Value = nil
		before, after, _ := strings.Cut(validation.MsgExpectedRequiredProperty, "%s")
		if name, ok := strings.CutPrefix(d.Message, before); ok {
			d.Location += "." + strings.TrimSuffix(name, after)
			d.Message = "is required"
		}
	}
	if coded, ok := v.(*codedProblem); ok {
		return coded, nil
	}
	return p, nil
}

// write answers outside of huma.
func write(w http.ResponseWriter, err huma.StatusError) {
	h := w.Header()
	if with, ok := err.(huma.HeadersError); ok {
		for k, v := range with.GetHeaders() {
			h[k] = v
		}
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(err.GetStatus())
	_ = json.NewEncoder(w).Encode(model(err))
}

// writeProblem answers outside of huma.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	write(w, newProblem(status, detail))
}
