package web

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"time"
)

// Part is the state of one part that ringbook lives on: the database, or the stream of one exchange.
type Part struct {
	Name   string    // "database", or the exchange's name
	Live   bool      // of an exchange: its last canary came back in time
	Since  time.Time // since when it has been so; zero: not known
	Canary time.Time // of an exchange: when a test event last came through the whole path; zero: never
	Reason string    // in plain words, when it is not live

	// Of an exchange:
	Version string        // Asterisk's; of the last connection if there is none now
	RTT     time.Duration // of the last test event; zero: none yet
	Rate    float64       // events per second, over the last seconds
	Leader  *Leader       // of an exchange: which node acts for it; nil: not known
	AMI     *AMI          // of an exchange: its manager; nil: none is configured
}

// AMI is how the connection to an exchange's manager is. It never makes ringbook unready: all but what it is for works
// without.
type AMI struct {
	Live    bool       `json:"live"`
	Since   *time.Time `json:"since" doc:"since when it has been so; null when that is not known"`
	Reason  string     `json:"reason" doc:"in plain words, when it is not live"`
	Missing []string   `json:"missing" enum:"queues,pause,transfer,hold,mute" doc:"what the user lacks the right for, or the exchange the module; empty while that is not known"`
}

// Reason is an error of Config.Database whose text people are shown.
type Reason string

func (r Reason) Error() string { return string(r) }

// Status tells what is live.
type Status struct {
	Now      time.Time    `json:"now" doc:"the server's clock"`
	Version  string       `json:"version" doc:"of the running ringbook"`
	Node     string       `json:"node" doc:"the name of the node that answers"`
	Database PartStatus   `json:"database"`
	PBX      []PartStatus `json:"pbx" doc:"the stream of every exchange"`
	Backlog  Backlog      `json:"backlog"`
}

// Backlog is what waits to be written into the log.
type Backlog struct {
	Pending    int   `json:"pending" doc:"calls in memory whose newest picture is not in the database yet, and that this node is to write"`
	SpoolBytes int64 `json:"spool_bytes" doc:"of calls on disk that wait for the database"`
	OldestMS   int64 `json:"oldest_ms" doc:"how long the oldest of them has waited"`
	Away       bool  `json:"away" doc:"the database did not take the last calls"`
	SpoolFull  bool  `json:"spool_full" doc:"the disk takes no more: what ends now is in memory only"`
}

// PartStatus is the state of one part.
type PartStatus struct {
	Name   string     `json:"name"`
	Live   bool       `json:"live"`
	Since  *time.Time `json:"since" doc:"since when it has been so; null when that is not known"`
	Canary *float64   `json:"canary_age_s" doc:"of an exchange: how many seconds ago a test event last came through its whole stream; null when none has yet"`
	Reason string     `json:"reason" doc:"in plain words, when it is not live"`

	Version string   `json:"version,omitempty" doc:"of an exchange: Asterisk's"`
	RTT     *float64 `json:"canary_rtt_ms,omitempty" doc:"of an exchange: how long the last test event took through its stream, in milliseconds"`
	Rate    *float64 `json:"events_per_second,omitempty" doc:"of an exchange: how many events came lately"`
	Leader  *Leader  `json:"leader" doc:"of an exchange: which of the nodes that watch it writes its calls and acts for it; null when that is not known"`
	AMI     *AMI     `json:"ami,omitempty" doc:"of an exchange: its manager interface, where one is configured"`
}

// Leader is the node that acts for an exchange.
type Leader struct {
	Node    string    `json:"node" doc:"its name; empty: none does at this moment"`
	Here    bool      `json:"here" doc:"it is the node that answers"`
	Epoch   int64     `json:"epoch" doc:"grows by one with every change of leader"`
	Since   time.Time `json:"since" doc:"since when it has been so, as far as the answering node knows"`
	Standby string    `json:"standby" doc:"the name of a node that is ready to take over; empty: there is none"`
}

type statusOutput struct{ Body Status }

func (s *Server) status(ctx context.Context, _ *struct{}) (*statusOutput, error) {
	st := s.lookAround(ctx)
	b := s.Recorder.Backlog()
	st.Backlog = Backlog{b.Pending - b.Held, b.SpoolBytes, b.Oldest.Milliseconds(), b.Away, b.SpoolFull}
	return &statusOutput{st}, nil
}

// lookAround asks every part how it is. It takes at most two seconds.
func (s *Server) lookAround(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	st := Status{Now: millis(time.Now()), Version: s.Version, Node: s.Node, PBX: []PartStatus{}, Database: PartStatus{Name: "database", Live: true}}
	err := s.Database(ctx)
	s.heard(ctx, err)
	if err != nil {
		st.Database.Live, st.Database.Reason = false, "The database does not answer."
		if said, ok := errors.AsType[Reason](err); ok {
			st.Database.Reason = string(said)
		}
	}
	for _, p := range s.Exchanges() {
		part := PartStatus{
			Name: p.Name, Live: p.Live, Since: timeOrNil(p.Since), Canary: p.canaryAge(st.Now), Reason: p.Reason, Version: p.Version,
		}
		if p.Leader != nil {
			leader := *p.Leader
			leader.Since = millis(leader.Since)
			part.Leader = &leader
		}
		part.AMI = p.AMI
		if p.Live {
			rtt, rate := round(p.RTT.Seconds()*1000), round(p.Rate)
			part.RTT, part.Rate = &rtt, &rate
		}
		st.PBX = append(st.PBX, part)
	}
	return st
}

// round leaves one digit behind the point.
func round(f float64) float64 { return math.Round(f*10) / 10 }

// canaryAge is the age of the last test event in seconds, to a tenth.
func (p Part) canaryAge(now time.Time) *float64 {
	if p.Canary.IsZero() {
		return nil
	}
	age := max(0, now.Sub(p.Canary)).Round(100 * time.Millisecond).Seconds()
	return &age
}

// ReadyPart is what anybody may know of a part who asks whether this node is ready: a balancer, or who upgrades the nodes one
// after the other. What the exchange is, and which nodes there are, is for who has logged in (Status).
type ReadyPart struct {
	Name    string     `json:"name"`
	Live    bool       `json:"live"`
	Since   *time.Time `json:"since"`        // since when it has been so; nil: not known
	Canary  *float64   `json:"canary_age_s"` // as in PartStatus
	Reason  string     `json:"reason"`
	AMI     *bool      `json:"ami,omitempty"`     // of an exchange: its manager is live; nil: none is configured
	Leader  string     `json:"leader,omitempty"`  // of an exchange: "here", "elsewhere" or "none"; empty: not known
	Standby bool       `json:"standby,omitempty"` // of an exchange: a node stands by
}

func readyPart(p PartStatus) ReadyPart {
	r := ReadyPart{Name: p.Name, Live: p.Live, Since: p.Since, Canary: p.Canary, Reason: p.Reason}
	if p.AMI != nil {
		r.AMI = &p.AMI.Live
	}
	if l := p.Leader; l != nil {
		r.Standby = l.Standby != ""
		switch {
		case l.Here:
			r.Leader = "here"
		case l.Node != "":
			r.Leader = "elsewhere"
		default:
			r.Leader = "none"
		}
	}
	return r
}

// readyz is 200 when every part is live, else 503; the body names the parts either way.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	st := s.lookAround(r.Context())
	answer := struct {
		Ready bool        `json:"ready"`
		Parts []ReadyPart `json:"parts"`
	}{Ready: true}
	for _, p := range append([]PartStatus{st.Database}, st.PBX...) {
		answer.Parts = append(answer.Parts, readyPart(p))
		answer.Ready = answer.Ready && p.Live
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}
