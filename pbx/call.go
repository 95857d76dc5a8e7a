package pbx

import (
	"cmp"
	"time"

	"github.com/google/uuid"
)

// Call is one conversation as a customer (or two colleagues) would name it, however many channels it took.
// It is a complete picture: nothing in it must be combined with an earlier picture, and a later picture
// (greater Version) always replaces an earlier one.
//
// A Call given out by a Tracker is a copy that nobody changes any more; it may be shared between goroutines
// as long as none of them writes to it.
type Call struct {
	// ID is the same on every node that watches the same PBX: it is derived from the PBX's name and the root
	// channel's id and creation time (see CallID), and sorts by that time.
	ID uuid.UUID
	// PBX is the configured name of the exchange.
	PBX string
	// Version grows with every picture of the call: the PBX's time of the last event in microseconds, and at
	// least one more than the picture before.
	Version int64

	Direction Direction
	State     State
	Outcome   Outcome // empty until State is StateEnded

	// Caller is who called: the customer of an inbound call, the agent's phone of an outbound or internal one.
	Caller Party
	// Dialed is what was called, as the PBX had it: the DID of an inbound call, the number that went to the line of an
	// outbound one (until then what the agent dialled), the extension of an internal one.
	Dialed string
	// Trunk is the endpoint of the line to the outside ("PJSIP/trunk"), empty for internal calls.
	Trunk string
	// Queue is the last queue the call waited in, also after an overflow or a transfer, or an agent of it who asked there; empty
	// if none.
	Queue string
	// QueuePBX is the exchange that Queue is on, where that is not the call's own.
	QueuePBX string `json:",omitempty"`
	// CustomerRef is what the dialplan said about the customer (channel variable RINGBOOK_CUSTOMER); empty if nothing.
	CustomerRef string

	StartedAt  time.Time
	AnsweredAt time.Time // zero: no agent (outbound: no customer) has answered yet
	EndedAt    time.Time // zero: still going on

	// Wait is the time from the start until the answer, or the end; zero as long as neither has come.
	Wait time.Duration
	// Talk is the sum over the agents' legs; in an internal call over those that were called. Like a leg's it
	// counts what is finished: while a conversation goes on, AnsweredAt tells since when.
	Talk time.Duration
	// Hold is the part of Talk during which an agent had the other party on hold, or was held.
	Hold time.Duration

	Hangup Hangup // who ended it, and how; zero until the end

	// Legs are the parts of everyone who took part or was asked to, in order of OfferedAt. A member who merely
	// rang is a leg, never a call of its own.
	Legs      []Leg
	Transfers []Transfer
	// Lines are legs of earlier pictures that have turned out to be no party: they are the line to another exchange, whose
	// parties are among Legs instead (see Joint). Whoever kept them forgets them.
	Lines []Leg

	// Partial says that ringbook joined in the middle; Reconstructed that the end was not seen but inferred. Then it
	// lies between EndedAt, the last moment at which the call is known to have gone on and with which all durations are
	// reckoned, and EndedBefore, when the PBX was found not to have it any more; zero for all other calls.
	Partial       bool
	Reconstructed bool
	EndedBefore   time.Time

	// MergedInto is the ID of the call that this one turned out to be part of: an agent's question to a colleague who
	// then took the customer over, the few moments for which an agent who picked up a ringing call was in a call of
	// her own. It is set in the last picture only, and then everything that belongs to the conversation is in the
	// other call: this one is neither listed nor counted. uuid.Nil for all other calls.
	MergedInto uuid.UUID

	// ReceivedAt is our clock when the event behind this picture was read from the socket.
	ReceivedAt time.Time
}

// Exchange is the name of the exchange that a leg's phone or line belongs to.
func (c *Call) Exchange(l *Leg) string { return cmp.Or(l.PBX, c.PBX) }

// QueueExchange is the name of the exchange that the call's queue is on.
func (c *Call) QueueExchange() string { return cmp.Or(c.QueuePBX, c.PBX) }

// Party is one end of a call as the PBX gave it. Number is unparsed: package crm knows what numbers mean.
type Party struct {
	Number string
	Name   string
	// Withheld says that the caller or the network asked not to show the number, or that there is none. Number is
	// then empty or what stood in its place ("anonymous"), even where the line told the number as a private one.
	Withheld bool
}

// Leg is one party's part in a call: from being offered it (or entering it) until leaving it.
type Leg struct {
	// ID is unique within the call and stable: the channel's id ("1695900000.12"), followed by "/2" and so on
	// when the same channel takes part again.
	ID string
	// Channel is the channel's name ("PJSIP/1001-00000004"), for people; it may change during a call.
	Channel string
	// PBX is the exchange that the channel is on, where that is not the call's own: the same extension may be on both.
	PBX  string
	Role Role
	// Extension is the internal number behind the channel; empty for a customer.
	Extension string
	// Number is the outside number behind the channel; empty for an agent, and where none is shown.
	Number string

	OfferedAt  time.Time
	AnsweredAt time.Time // zero: never answered; for the leg that began the call: when the other side answered
	EndedAt    time.Time // zero: still ringing or talking
	End        LegEnd    // empty while EndedAt is zero
	// Talk is the time in a bridge with another party, Hold the part of it on hold; both of finished stretches.
	Talk time.Duration
	Hold time.Duration
	// Spans are the stretches of the talk, in order and without overlap: they add up to Talk, those of kind hold to Hold. The
	// last one has no end while it goes on. A leg keeps maxSpans of them; what comes later only counts.
	Spans []Span
	// Parent is the ID of the leg that led to this one: of the agent who transferred the call, of the phone that
	// forwarded it. Empty if none.
	Parent string

	// Asks says that the party has left the others on hold to ask somebody, who may become their party: an attended transfer
	// by digits is under way. Nobody keeps it.
	Asks bool `json:"-"`

	// Dialog is the Call-ID of the SIP dialog that the channel is, and Outgoing says that the exchange dialled it. The two
	// ends of a line between two exchanges have the same Dialog; a Joint finds them by that, and nobody keeps it.
	Dialog   string `json:"-"`
	Outgoing bool   `json:"-"`
}

// Span is a stretch of a leg's talk.
type Span struct {
	Kind SpanKind
	From time.Time
	To   time.Time // zero: goes on
}

// Transfer is one change of hands that came about. Attempts that failed are none.
type Transfer struct {
	Kind TransferKind
	At   time.Time
	By   string // extension of the agent who transferred the call
	To   string // extension, queue or number to which it went; of a parked call, who fetched it, until then "parking"
	PBX  string `json:",omitempty"` // the exchange that By is on, where that is not the call's own
}

// Hangup tells how a call ended. Cause is the Q.850 cause that Asterisk reports, Text its words for it.
type Hangup struct {
	By    HangupBy
	Cause int
	Text  string
	// Leg is the ID of the leg whose party hung up; empty if none did, or it was not seen.
	Leg string `json:"-"`
}

type Direction string

const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
	Internal Direction = "internal"
)

type State string

const (
	StateRinging State = "ringing"
	StateQueued  State = "queued" // waiting, nobody rings at this moment
	StateTalking State = "talking"
	StateHeld    State = "held"
	StateEnded   State = "ended"
)

type Outcome string

const (
	Answered  Outcome = "answered"  // by an agent; outbound: by the customer
	Missed    Outcome = "missed"    // nobody answered; outbound: nobody within the time that the PBX lets it ring
	Abandoned Outcome = "abandoned" // the caller hung up while waiting in a queue
	Busy      Outcome = "busy"      // the one called was engaged; outbound: or refused the call
	Failed    Outcome = "failed"    // not inbound: the PBX or the network could not place the call
	Voicemail Outcome = "voicemail"
	Cancelled Outcome = "cancelled" // outbound, given up by the agent while it rang
)

type Role string

const (
	RoleCustomer Role = "customer"
	RoleAgent    Role = "agent"
)

type LegEnd string

const (
	EndHungUp            LegEnd = "hung_up"
	EndAnsweredElsewhere LegEnd = "answered_elsewhere" // on another phone, or picked up
	EndNoAnswer          LegEnd = "no_answer"
	EndBusy              LegEnd = "busy"
	EndDeclined          LegEnd = "declined"
	EndTransferred       LegEnd = "transferred" // gave the call away: transferred or parked it, or the phone forwarded it
	EndFailed            LegEnd = "failed"
	EndCancelled         LegEnd = "cancelled"
	EndLost              LegEnd = "lost"
)

type SpanKind string

const (
	SpanTalk SpanKind = "talk" // hears another party
	SpanHold SpanKind = "hold" // has put the other party on hold
	SpanHeld SpanKind = "held" // is on hold: all others have put the conversation on hold
)

type HangupBy string

const (
	ByCaller HangupBy = "caller" // the customer, also of an outbound call; in an internal call the one who called
	ByAgent  HangupBy = "agent"
	BySystem HangupBy = "system" // the PBX: nobody answered, busy, a time limit; or it was not seen
)

type TransferKind string

const (
	Blind    TransferKind = "blind"
	Attended TransferKind = "attended"
)
