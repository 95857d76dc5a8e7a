package ami

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

// What a caller of Client.Do may decide on with errors.Is.
var (
	ErrDown = errors.New("the PBX's manager is not connected") // or the connection ended, or it did not answer in time
	// ErrUnanswered comes with ErrDown where the action was sent, or a part of it: the PBX may have done it.
	ErrUnanswered = errors.New("the PBX's manager did not say what became of it")

	ErrDenied   = errors.New("permission denied") // the user lacks the right
	ErrNotFound = errors.New("not found")         // no such channel, queue, member, ...
	ErrUnknown  = errors.New("unknown action")    // this Asterisk does not have it, or its module is not loaded
	ErrLogin    = errors.New("login refused")     // wrong user or password, or an access list
	ErrInvalid  = errors.New("not to be sent")    // the action itself is wrong, such as a line end in a value
)

// Error is why an action failed. It holds the PBX's own words and never what was asked for with which values.
type Error struct {
	Action  string
	Message string // the PBX's own words, shortened; empty if it said nothing
	Right   string // of manager.conf that is missing ("agent", or "system or call" where one of them will do); empty unless ErrDenied
	Err     error  // a sentinel, or the network's; never nil
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "AMI %s: %s", e.Action, strings.ReplaceAll(e.Err.Error(), "\n", ": "))
	if e.Message != "" && !strings.EqualFold(e.Message, e.Err.Error()) {
		b.WriteString(": " + e.Message)
	}
	if e.Right != "" {
		fmt.Fprintf(&b, " (the user's write= in manager.conf lacks %s)", e.Right)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// refusal makes an Error of an answer that says no.
func refusal(action, message string) *Error {
	e := &Error{Action: action, Message: shorten(message)}
	low := strings.ToLower(message)
	switch {
	case strings.Contains(low, "permission denied"):
		e.Err, e.Right = ErrDenied, RightOf(action)
	case strings.Contains(low, "authentication failed"), strings.Contains(low, "authentication required"):
		e.Err = ErrLogin
	case strings.Contains(low, "unknown command"):
		e.Err = ErrUnknown
	case strings.Contains(low, "not found"), strings.Contains(low, "no such"), strings.Contains(low, "does not exist"),
		strings.Contains(low, "not a member"), strings.Contains(low, "not there"):
		e.Err = ErrNotFound
	default:
		e.Err = errRefused
	}
	return e
}

func shorten(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s), "?")
}

// RightOf is what the user's write= in manager.conf must have for an action; "a or b" where either will do; empty where
// none is needed, or the action is not among those that ringbook uses.
func RightOf(action string) string {
	switch strings.ToLower(action) {
	case "queueadd", "queueremove", "queuepause", "queuepenalty", "queuememberringinuse", "queuelog":
		return "agent"
	case "redirect", "atxfer", "cancelatxfer", "blindtransfer", "setvar", "playdtmf", "park", "bridge":
		return "call"
	case "hangup", "mixmonitormute", "stopmixmonitor":
		return "system or call"
	case "mixmonitor", "pjsipnotify", "filter", "muteaudio":
		return "system"
	case "originate":
		return "originate"
	case "coresettings", "corestatus", "dbget":
		return "system or reporting"
	case "getvar", "extensionstate", "devicestatelist":
		return "call or reporting"
	case "command":
		return "command"
	}
	return ""
}

var (
	errRefused  = errors.New("refused")
	errSilent   = errors.New("the connection is open, but a ping was not answered")
	errOverflow = errors.New("events arrived faster than they were consumed: all that were waiting were given up")
	errBanner   = errors.New("what answers is not an Asterisk manager")
	errTooBig   = errors.New("a message is bigger than any that the manager sends")
)

// trouble is what a failed or ended connection means: a label for metrics, words for people, and how to go on.
type trouble struct {
	label  string // a small closed set
	reason string // plain words, without secrets
	gap    GapReason
	slow   bool // somebody must change something: do not hammer, and say it loudly
}

// diagnose finds out what err means.
func diagnose(err error) trouble {
	var (
		record  tls.RecordHeaderError
		cert    *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		dns     *net.DNSError
		op      *net.OpError
		answer  *Error
		network net.Error
	)
	switch {
	case errors.Is(err, errOverflow):
		return trouble{"overflow", "events arrived faster than they could be handled", GapOverflow, false}
	case errors.Is(err, errSilent):
		return trouble{"silent", "the connection is open, but the PBX's manager does not answer", GapSilent, false}
	case errors.Is(err, ErrLogin):
		return trouble{"unauthorized", "the PBX refuses the AMI user or its password, or its deny= and permit= in manager.conf do not let this machine in", GapDisconnected, true}
	case errors.As(err, &answer) && answer.Action == "Login":
		return trouble{"refused_login", "the PBX does not let the AMI user log in: " + answer.Message, GapDisconnected, true}
	case errors.Is(err, errBanner):
		return trouble{"handshake", "something answers at this address, but it is not AMI: check the port (usually 5038, or 5039 with tls://)", GapDisconnected, true}
	case errors.Is(err, errTooBig):
		return trouble{"too_big", "the PBX sent a message that is too big", GapDisconnected, false}
	case errors.As(err, &record):
		return trouble{"tls", "the PBX does not speak TLS at this address: use tcp:// instead of tls://, or the TLS port", GapDisconnected, true}
	case errors.As(err, &unknown):
		return trouble{"tls", "the PBX's TLS certificate is signed by nobody we trust", GapDisconnected, true}
	case errors.As(err, &name):
		return trouble{"tls", "the PBX's TLS certificate is for another host name", GapDisconnected, true}
	case errors.As(err, &invalid), errors.As(err, &cert):
		return trouble{"tls", "the PBX's TLS certificate is not valid", GapDisconnected, true}
	case errors.As(err, &dns):
		return trouble{"dns", "the PBX's host name cannot be resolved", GapDisconnected, false}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return trouble{"timeout", "the PBX's manager does not answer in time", GapDisconnected, false}
	case errors.Is(err, syscall.ECONNREFUSED), errors.As(err, &op) && op.Op == "dial":
		return trouble{"refused", "nothing listens at the PBX's AMI address: does manager.conf say enabled=yes?", GapDisconnected, false}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return trouble{"closed", "the PBX closed the AMI connection", GapDisconnected, false}
	}
	return trouble{"closed", "the AMI connection ended", GapDisconnected, false}
}

// Explain says in plain words, without secrets, what a failure means to whoever runs the PBX.
func Explain(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Err != nil {
		switch {
		case errors.Is(err, ErrDenied):
			return "the AMI user may not do this: add " + e.Right + " to its write= in manager.conf"
		case errors.Is(err, ErrUnknown):
			return "this Asterisk does not know the action " + e.Action + ", or the module that has it is not loaded"
		case errors.Is(err, ErrNotFound), errors.Is(err, errRefused):
			return "the PBX refused " + e.Action + ": " + e.Message
		}
	}
	return diagnose(err).reason
}
