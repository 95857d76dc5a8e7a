package pbx

import (
	"errors"
	"fmt"
)

// Code says in one word why an exchange does not do what it was asked. It is part of the API: browsers decide on it, and
// have the words for people. Empty means that nothing is in the way.
type Code string

const (
	NoPhone            Code = "no_phone"      // the agent has no phone on this exchange
	PhoneOffline       Code = "phone_offline" // the agent's phone is not registered
	PhoneBusy          Code = "phone_busy"    // the agent's phone rings or is in a call
	PBXAway            Code = "pbx_away"      // the exchange does not answer, or what it says is not heard
	AMINeeded          Code = "ami_needed"    // ARI alone cannot do this, and no AMI is configured
	AMIAway            Code = "ami_away"      // AMI is configured and does not answer
	AMIDenied          Code = "ami_denied"    // AMI's user has not the right for it
	Forbidden          Code = "forbidden_destination"
	ToYourself         Code = "to_yourself"
	AlreadyDialing     Code = "already_dialling"    // an attempt of the same agent is being placed or rings at the phone
	TooMany            Code = "too_many"            // more attempts than a minute allows
	CallEnded          Code = "call_ended"          // the call, or the agent's part in it, is over
	NotTalking         Code = "not_talking"         // possible only while the agent talks
	NotConsulting      Code = "not_consulting"      // no attended transfer is under way
	Disobeyed          Code = "phone_did_not_obey"  // the phone was asked, and did nothing
	NotPlaced          Code = "not_placed"          // the exchange could not place the call
	Consulting         Code = "consulting"          // somebody is being asked: complete or cancel that first
	NoDestination      Code = "no_destination"      // the exchange's dialplan does not know the number
	DestinationOffline Code = "destination_offline" // the colleague's phone is not registered
	TransferFailed     Code = "transfer_failed"     // the exchange did not do it, or the dialplan does not let agents transfer
	PerhapsDone        Code = "perhaps_done"        // AMI was asked and did not answer; what becomes of the call tells
)

// Codes are all there are.
func Codes() []Code {
	return []Code{
		NoPhone, PhoneOffline, PhoneBusy, PBXAway, AMINeeded, AMIAway, AMIDenied, Forbidden, ToYourself, AlreadyDialing,
		TooMany, CallEnded, NotTalking, NotConsulting, Disobeyed, NotPlaced,
		Consulting, NoDestination, DestinationOffline, TransferFailed, PerhapsDone,
	}
}

// Refusal is why something was not done. Nothing has changed then: no phone rings, no channel is left over; but with PerhapsDone,
// where nobody knows.
type Refusal struct {
	Code Code
	Err  error // what the exchange said, for the log; may be nil
}

func (r *Refusal) Error() string {
	if r.Err == nil {
		return "refused: " + string(r.Code)
	}
	return fmt.Sprintf("refused: %s: %v", r.Code, r.Err)
}

func (r *Refusal) Unwrap() error { return r.Err }

// Refused is the code with which err refuses; empty if it is no refusal.
func Refused(err error) Code {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// Abilities tell for each thing that an agent could do with a call whether it can be done now, or why not.
type Abilities struct {
	HangUp   Code `json:"hang_up"`
	Hold     Code `json:"hold"`     // to put on hold and to take back
	Blind    Code `json:"blind"`    // transfer without asking
	Attended Code `json:"attended"` // transfer after asking
	Complete Code `json:"complete"` // hand the call over to the one who is being asked
	Cancel   Code `json:"cancel"`   // go back to the call
}
