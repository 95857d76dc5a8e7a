package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Part is the state of one part that ringbook lives on: the database, or the stream of one exchange.
type Part struct {
	Name   string    // "database", or the exchange's name
	Live   bool      // of an exchange: its last canary came back in time
	Since  time.Time // since when it has been so; zero: not known
	Reason string    // in plain words, when it is not live
}

// Status tells what is live.
type Status struct {
	Now      time.Time    `json:"now" doc:"the server's clock"`
	Version  string       `json:"version" doc:"of the running ringbook"`
	Database PartStatus   `json:"database"`
	PBX      []PartStatus `json:"pbx" doc:"the stream of every exchange"`
}

// PartStatus is the state of one part.
type PartStatus struct {
	Name   string     `json:"name"`
	Live   bool       `json:"live"`
	Since  *time.Time `json:"since" doc:"since when it has been so; null when that is not known"`
	Reason string     `json:"reason" doc:"in plain words, when it is not live"`
}

type statusOutput struct{ Body Status }

func (s *Server) status(ctx context.Context, _ *struct{}) (*statusOutput, error) {
	return &statusOutput{s.lookAround(ctx)}, nil
}

// lookAround asks every part how it is. It takes at most two seconds.
func (s *Server) lookAround(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	st := Status{Now: millis(time.Now()), Version: s.Version, PBX: []PartStatus{}, Database: PartStatus{Name: "database", Live: true}}
	if err := s.Database(ctx); err != nil {
		s.Log.WarnContext(ctx, "the database does not answer", "err", err)
		st.Database.Live, st.Database.Reason = false, "The database does not answer."
	}
	for _, p := range s.Exchanges() {
		st.PBX = append(st.PBX, PartStatus{Name: p.Name, Live: p.Live, Since: timeOrNil(p.Since), Reason: p.Reason})
	}
	return st
}

// readyz is 200 when every part is live, else 503; the body names the parts either way.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	st := s.lookAround(r.Context())
	answer := struct {
		Ready bool         `json:"ready"`
		Parts []PartStatus `json:"parts"`
	}{Ready: true, Parts: append([]PartStatus{st.Database}, st.PBX...)}
	for _, p := range answer.Parts {
		answer.Ready = answer.Ready && p.Live
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}
