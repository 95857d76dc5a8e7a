package web

import (
	"context"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// SavedView is a page with its filters under a name.
type SavedView struct {
	crm.View
	Gone []string `json:"gone" doc:"parameters of the query that name an agent, a customer or a queue which is not there any more: open the view without them"`
}

// SavedViewInput saves a page's filters.
type SavedViewInput struct {
	Page   string     `json:"page" enum:"calls"`
	Name   string     `json:"name" minLength:"1" maxLength:"100"`
	Query  string     `json:"query" maxLength:"2000" doc:"of the page's address, without the question mark"`
	TeamID *uuid.UUID `json:"team_id,omitempty" nullable:"true" doc:"for everybody of a team; left out: my own"`
}

// SavedViewPatch changes what it names and leaves the rest.
type SavedViewPatch struct {
	Name     *string `json:"name,omitempty" minLength:"1" maxLength:"100"`
	Query    *string `json:"query,omitempty" maxLength:"2000"`
	Position *int    `json:"position,omitempty" minimum:"0" doc:"its place among those of the same owner"`
	Default  *bool   `json:"default,omitempty" doc:"the page opens with it, for me"`
	Version  *int    `json:"version,omitempty" doc:"refused with 409 when the view has another by now"`
}

type viewOutput struct{ Body SavedView }

type listViewsInput struct {
	Page string `query:"page" enum:"calls"`
}

type viewPageOutput struct{ Body crm.Page[SavedView] }

func (s *Server) listViews(ctx context.Context, in *listViewsInput) (*viewPageOutput, error) {
	views, err := s.Store.Views(ctx, actorOf(ctx), in.Page)
	if err != nil {
		return nil, err
	}
	items, err := s.withGone(ctx, views...)
	if err != nil {
		return nil, err
	}
	return &viewPageOutput{crm.Page[SavedView]{Items: items}}, nil
}

type createViewInput struct{ Body SavedViewInput }

func (s *Server) createView(ctx context.Context, in *createViewInput) (*viewOutput, error) {
	if err := checkViewQuery(in.Body.Page, in.Body.Query); err != nil {
		return nil, err
	}
	return s.viewed(ctx)(s.Store.CreateView(ctx, actorOf(ctx), crm.ViewInput(in.Body)))
}

type patchViewInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body SavedViewPatch
}

func (s *Server) patchView(ctx context.Context, in *patchViewInput) (*viewOutput, error) {
	if in.Body.Query != nil {
		if err := checkViewQuery("calls", *in.Body.Query); err != nil { // the only page there is
			return nil, err
		}
	}
	return s.viewed(ctx)(s.Store.UpdateView(ctx, actorOf(ctx), in.ID, crm.ViewPatch{
		Version: in.Body.Version, Name: in.Body.Name, Query: in.Body.Query, Position: in.Body.Position, Default: in.Body.Default,
	}))
}

func (s *Server) archiveView(ctx context.Context, in *idInput) (*viewOutput, error) {
	return s.viewed(ctx)(s.Store.ArchiveView(ctx, actorOf(ctx), in.ID))
}

func (s *Server) restoreView(ctx context.Context, in *idInput) (*viewOutput, error) {
	return s.viewed(ctx)(s.Store.RestoreView(ctx, actorOf(ctx), in.ID))
}

func (s *Server) viewed(ctx context.Context) func(crm.View, error) (*viewOutput, error) {
	return func(v crm.View, err error) (*viewOutput, error) {
		if err != nil {
			return nil, err
		}
		views, err := s.withGone(ctx, v)
		if err != nil {
			return nil, err
		}
		return &viewOutput{views[0]}, nil
	}
}

// withGone says of each view what it names that is not there any more.
func (s *Server) withGone(ctx context.Context, views ...crm.View) ([]SavedView, error) {
	out := make([]SavedView, len(views))
	named := map[string][]string{} // by parameter
	queries := make([]url.Values, len(views))
	for i, v := range views {
		out[i] = SavedView{View: v, Gone: []string{}}
		queries[i], _ = url.ParseQuery(v.Query) // it was checked when it was saved
		for _, p := range goneParameters {
			if value := queries[i].Get(p); value != "" {
				named[p] = append(named[p], value)
			}
		}
	}
	if len(named) == 0 {
		return out, nil
	}
	gone, err := s.Store.Gone(ctx, named["agent"], named["customer"], named["queue"])
	if err != nil {
		return nil, err
	}
	for i := range out {
		for _, p := range goneParameters {
			if gone[queries[i].Get(p)] {
				out[i].Gone = append(out[i].Gone, p)
			}
		}
	}
	return out, nil
}

// goneParameters name what may go away.
var goneParameters = []string{"agent", "customer", "queue"}

// viewParameters are what the address of a page may say, and what each value must be. search.ts of that page reads the same.
var viewParameters = map[string]map[string]func(string) bool{
	"calls": {
		"from": isDay, "to": isDay,
		"direction": oneOf(pbx.Inbound, pbx.Outbound, pbx.Internal),
		"outcome":   oneOf(pbx.Answered, pbx.Missed, pbx.Abandoned, pbx.Busy, pbx.Failed, pbx.Voicemail, pbx.Cancelled),
		"agent":     isID, "customer": isID, "disposition": isID,
		"queue": isShort, "number": isShort, "q": isShort,
	},
}

func oneOf[T ~string](values ...T) func(string) bool {
	return func(s string) bool { return slices.Contains(values, T(s)) }
}

// isDay takes a day as 2026-11-22, or so many days before the one on which the view is opened: "-6d", and "0d" for that day.
func isDay(s string) bool {
	if _, relative := daysAgo(s); relative {
		return true
	}
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// daysAgo is how many days a relative day is before the one on which the view is opened; false: it is none.
func daysAgo(s string) (n int, relative bool) {
	if !relativeDay.MatchString(s) {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSuffix(s, "d"), "-"))
	return n, err == nil
}

var relativeDay = regexp.MustCompile(`^(0|-[1-9][0-9]{0,2})d$`)

// endsBefore says that a view ends before it begins, whenever it is opened.
func endsBefore(from, to string) bool {
	began, relative := daysAgo(from)
	ended, both := daysAgo(to)
	if relative && both {
		return ended > began
	}
	return relative == both && to < from
}

func isID(s string) bool { return uuid.Validate(s) == nil && len(s) == 36 }

func isShort(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= 200 && !strings.ContainsRune(s, 0)
}

// checkViewQuery names what is wrong with a page's query.
func checkViewQuery(page, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return crm.FieldErrors{{Field: "query", Problem: "is none of the choices"}}
	}
	var faults crm.FieldErrors
	known := viewParameters[page]
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch ok, there := known[name]; {
		case !there: // whose name may be anything
			faults = append(faults, crm.FieldError{Field: "query", Problem: "is none of the choices"})
		case len(values[name]) != 1:
			faults = append(faults, crm.FieldError{Field: "query." + name, Problem: "is there twice"})
		case !ok(values[name][0]) && (name == "from" || name == "to"):
			faults = append(faults, crm.FieldError{Field: "query." + name, Problem: "is no day, as 2026-11-22 or -6d"})
		case !ok(values[name][0]):
			faults = append(faults, crm.FieldError{Field: "query." + name, Problem: "is none of the choices"})
		}
	}
	if from, to := values.Get("from"), values.Get("to"); faults == nil && from != "" && to != "" && endsBefore(from, to) {
		faults = append(faults, crm.FieldError{Field: "query.to", Problem: "is before from"})
	}
	if faults != nil {
		return faults
	}
	return nil
}
