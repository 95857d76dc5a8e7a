package pbx

import (
	"time"

	"ringbook/pbx/ari"
)

// Config describes one exchange to a Tracker.
type Config struct {
	// Name is the configured name of the exchange; it is part of every call's id.
	Name string
	// Extension tells the internal number behind an endpoint ("PJSIP/1001" gives "1001"), and whether the
	// endpoint is an agent's phone at all; every other endpoint is a line to the outside. It must not block.
	// If nil, endpoints whose names are 2 to 6 digits are phones.
	Extension func(endpoint string) (extension string, ok bool)
}

// Tracker folds the event stream of one exchange into calls. It does no input or output and has no clock: the
// same items give the same pictures. It is not safe for concurrent use.
type Tracker struct {
	config Config
}

// NewTracker makes a Tracker that has seen nothing yet.
func NewTracker(c Config) *Tracker { return &Tracker{config: c} }

// Apply takes the next item of the stream and returns a picture of every call that it changed. The slice is
// valid until the next Apply or SetVariable; the calls in it are copies that nobody changes any more.
func (t *Tracker) Apply(item ari.Item) []Call { return nil }

// SetVariable tells the value of a channel variable, which the exchange was asked for: RINGBOOK_CUSTOMER or
// CALLERID(num-pres). It returns pictures as Apply does.
func (t *Tracker) SetVariable(channelID, name, value string, at time.Time) []Call { return nil }

// Live returns a picture of every call that has not ended, oldest first.
func (t *Tracker) Live() []Call { return nil }
