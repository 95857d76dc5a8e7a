package main

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"ringbook/pbx/ami"
	"ringbook/web"
)

// power is one of the things that AMI is for.
type power struct {
	code    string // as web.AMI.Missing has it
	what    string // for people
	actions []string
}

var powers = []power{
	{"queues", "to see queues, their members and who waits", []string{"QueueStatus"}},
	{"pause", "to pause members", []string{"QueuePause"}},
	{"transfer", "to transfer calls", []string{"BlindTransfer", "Atxfer", "CancelAtxfer"}},
	{"hold", "to hold calls at the phone", []string{"PJSIPNotify"}},
	{"mute", "to leave card numbers out of recordings", []string{"MixMonitorMute"}},
}

// missing are the actions of a power that the user may not use, or the exchange does not have.
func (p power) missing(rights ami.Rights) []string {
	return slices.DeleteFunc(slices.Clone(p.actions), rights.Can)
}

// managerPart is an exchange's manager as the health page shows it.
func managerPart(h ami.Health) *web.AMI {
	part := &web.AMI{Live: h.Live, Reason: h.Reason, Missing: []string{}}
	if !h.Since.IsZero() {
		since := h.Since.UTC().Truncate(time.Millisecond)
		part.Since = &since
	}
	for _, p := range powers {
		if h.Live && len(p.missing(h.Rights)) > 0 {
			part.Missing = append(part.Missing, p.code)
		}
	}
	return part
}

// managerStanza is the user that ringbook needs, for the manager.conf of the PBX at host.
func managerStanza(user, host string) string {
	return fmt.Sprintf(strings.TrimLeft(`
[%s]
secret=…
deny=0.0.0.0/0.0.0.0
permit=%s    ; this machine
read=agent,system
write=agent,call,system,reporting
writetimeout=5000
`, "\n"), user, ourAddress(host))
}

// ourAddress is this machine as the machine at host sees it, if nothing between them changes that. Nothing is sent.
func ourAddress(host string) string {
	conn, err := (&net.Dialer{Timeout: time.Second}).Dial("udp", net.JoinHostPort(host, "5038"))
	if err != nil {
		return "192.0.2.1/255.255.255.255"
	}
	defer conn.Close()
	ip, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil || strings.Contains(ip, ":") {
		return ip + "/128"
	}
	return ip + "/255.255.255.255"
}
