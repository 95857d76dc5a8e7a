package pbxtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Dialog is one answered SIP call as one of the laboratory's phones has it. With it the phone's owner acts in the
// middle of the call: types digits, holds, transfers, hangs up. Every act is a short sipp of its own and returns when
// Asterisk has accepted it; the program that holds the call knows nothing of it.
type Dialog struct {
	a             *Asterisk
	callID        string
	local, remote string // whole From and To of what this side sends
	port          int    // where the program that holds the call is
	cseq          int
}

// firstAct is the CSeq of the first act: above what the scenarios of sipp use while a call goes on, and below their BYE.
const firstAct = 20

// Answered waits until the phone has answered its next call, and gives that: the first time the first call it
// answered, then the second, and so on.
func (p *Phone) Answered() *Dialog {
	p.a.tb.Helper()
	p.answered++
	return p.a.dialog(p.prog, p.port, p.answered, "SIP/2.0 200", false)
}

// Answered waits until the call is answered, if only by a queue or an announcement.
func (c *PlacedCall) Answered() *Dialog {
	c.a.tb.Helper()
	if c.dialog == nil {
		c.dialog = c.a.dialog(c.prog, c.port, 1, "SIP/2.0 200", true)
	}
	return c.dialog
}

// Ringing waits until it rings where the call goes, for a transfer before the answer.
func (c *PlacedCall) Ringing() *Dialog {
	c.a.tb.Helper()
	return c.a.dialog(c.prog, c.port, 1, "SIP/2.0 180", true)
}

// Told waits until Asterisk has told the phone of an event (NOTIFY).
func (p *Phone) Told(event string) {
	p.a.tb.Helper()
	p.a.Eventually("the phone is not told of "+event, func() bool {
		text, err := os.ReadFile(p.prog.messages)
		return err == nil && strings.Contains(string(text), "NOTIFY sip:") && strings.Contains(string(text), "Event: "+event)
	})
}

// HangUp ends the call from the caller's side, who may have waited for long or talked.
func (c *PlacedCall) HangUp() {
	c.a.tb.Helper()
	c.Answered().HangUp()
	c.prog.cancel()
	<-c.prog.done
}

// HangUp ends the call from this side.
func (d *Dialog) HangUp() { d.a.tb.Helper(); d.act("bye", "") }

// Hold puts the other side on hold, Resume takes it back.
func (d *Dialog) Hold()   { d.a.tb.Helper(); d.act("invite", "sendonly") }
func (d *Dialog) Resume() { d.a.tb.Helper(); d.act("invite", "sendrecv") }

// Press types digits, one after the other.
func (d *Dialog) Press(digits string) { d.a.tb.Helper(); d.act("info", strings.Split(digits, "")...) }

// Transfer hands the other side over to an extension, blindly (REFER).
func (d *Dialog) Transfer(to string) { d.a.tb.Helper(); d.act("refer", "sip:"+to+"@"+d.a.SIP) }

// TransferRefused tries the same with an extension that the PBX does not have.
func (d *Dialog) TransferRefused(to string) {
	d.a.tb.Helper()
	d.act("refused refer", "sip:"+to+"@"+d.a.SIP)
}

// TransferTo joins the other sides of this call and of another call of the same phone (REFER with Replaces).
func (d *Dialog) TransferTo(other *Dialog) {
	d.a.tb.Helper()
	d.act("refer", fmt.Sprintf("sip:%s?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s",
		d.a.SIP, strings.ReplaceAll(other.callID, "@", "%40"), tag(other.remote), tag(other.local)))
}

// act sends requests of one kind in the dialog.
func (d *Dialog) act(kind string, whats ...string) {
	d.a.tb.Helper()
	status := "200" // 202 were it to send NOTIFYs
	if part, ok := strings.CutPrefix(kind, "refused "); ok {
		kind, status = part, "404"
	}
	part, err := os.ReadFile(filepath.Join(d.a.repo, "deploy/lab/sipp/inside-"+kind+".part"))
	if err != nil {
		d.a.tb.Fatalf("%s: %v", kind, err)
	}
	var steps strings.Builder
	for _, what := range whats {
		steps.WriteString(strings.NewReplacer("@CSEQ@", strconv.Itoa(d.cseq), "@WHAT@", what, "@STATUS@", status).Replace(string(part)))
		d.cseq++
	}
	port, err := sipPort()
	if err != nil {
		d.a.tb.Fatalf("%s: %v", kind, err)
	}
	prog, err := d.a.sipp("inside", port, map[string]string{"STEPS": steps.String()}, "-m", "1", "-cid_str", d.callID,
		"-key", "local", d.local, "-key", "remote", d.remote, "-key", "contact_port", strconv.Itoa(d.port))
	if err != nil {
		d.a.tb.Fatalf("%s: %v", kind, err)
	}
	defer prog.cancel()
	<-prog.done
	if prog.err != nil {
		d.a.tb.Fatalf("%s %q: %v", kind, whats, prog.err)
	}
}

// dialog waits for the n-th call that a sipp answered, or had answered (or only heard ringing), in what that sipp
// writes of its messages.
func (a *Asterisk) dialog(prog *program, port, n int, status string, caller bool) *Dialog {
	a.tb.Helper()
	var d *Dialog
	a.Eventually("a call is not answered", func() bool {
		text, err := os.ReadFile(prog.messages)
		if err == nil {
			d = answeredCall(string(text), status, n)
		}
		return d != nil
	})
	d.a, d.port, d.cseq = a, port, firstAct
	if !caller {
		d.local, d.remote = d.remote, d.local
	}
	return d
}

var (
	messageStart = regexp.MustCompile(`(?m)^-{20,} .*\n`)
	headerLine   = regexp.MustCompile(`(?m)^(Call-ID|From|To|CSeq): *(.*?)\r?$`)
	tagParameter = regexp.MustCompile(`;tag=([^;\s]+)`)
)

// answeredCall finds the n-th call whose INVITE got a response of this status, as its caller has it; for a 200 the ACK
// must have followed.
func answeredCall(messages, status string, n int) *Dialog {
	open := map[string]*Dialog{}
	for _, m := range messageStart.Split(messages, -1) {
		_, m, _ = strings.Cut(m, "\n\n") // "UDP message sent ..."
		header := map[string]string{}
		for _, h := range headerLine.FindAllStringSubmatch(m, -1) {
			header[h[1]] = h[2]
		}
		id, first := header["Call-ID"], strings.TrimSpace(m)
		if strings.HasPrefix(first, status) && strings.HasSuffix(header["CSeq"], "INVITE") && open[id] == nil {
			open[id] = &Dialog{callID: id, local: header["From"], remote: header["To"]}
			first = strings.Replace(first, "SIP/2.0 180", "ACK ", 1)
		}
		if strings.HasPrefix(first, "ACK ") && open[id] != nil && open[id].cseq == 0 {
			if n--; n == 0 {
				return open[id]
			}
			open[id].cseq = -1 // counted
		}
	}
	return nil
}

func tag(header string) string {
	if m := tagParameter.FindStringSubmatch(header); m != nil {
		return m[1]
	}
	return ""
}

// For lets time pass, in which people talk, wait or do nothing.
func (a *Asterisk) For(d time.Duration) { <-time.After(d) }
