package web

import "time"

// Status tells what is live.
type Status struct {
	Now      time.Time   `json:"now" doc:"the server's clock"`
	Version  string      `json:"version"`
	Database PartStatus  `json:"database"`
	PBX      []PBXStatus `json:"pbx"`
}

// PartStatus is the state of one part.
type PartStatus struct {
	Live   bool       `json:"live"`
	Since  *time.Time `json:"since" doc:"since when it has been so; null when not known"`
	Reason string     `json:"reason" doc:"in plain words, when it is not live"`
}

// PBXStatus is the state of the stream from one exchange.
type PBXStatus struct {
	Name string `json:"name"`
	PartStatus
}

type statusOutput struct{ Body Status }
