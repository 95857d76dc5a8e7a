package pbxtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PhonePassword is what the phones of deploy/asterisk register with in tests.
const PhonePassword = "phone-lab"

// Behaviour is what a phone, or the far end of the line, does with a call. The zero value rings, and nobody answers.
type Behaviour struct {
	// Answer says that the call is answered, after Ring; Ring zero means one millisecond.
	Answer bool
	Ring   time.Duration
	// Talk is how long it waits after the answer before it hangs up by itself; zero: it never does.
	Talk time.Duration
	// Refuse is a SIP status ("486 Busy Here") with which it refuses after Ring; with Ring zero it does not ring first.
	Refuse string
	// EarlyMedia plays something (183 with SDP) instead of ringing, until the answer.
	EarlyMedia bool
	// Forward is an extension to which the phone sends its calls (302).
	Forward string
	// Late rings, and answers when the other side has just given up.
	Late bool
	// Silent never says a word, as a phone that lost its power.
	Silent bool
}

// Phone is a running sipp that plays an agent's phone or the far end of the line.
type Phone struct {
	a        *Asterisk
	ext      string // empty: the line
	port     int
	prog     *program
	answered int // calls given out by Answered
	end      func()
}

// CallSpec is a call to be placed. Exactly one of Agent and From (or FromHeader) says who calls.
type CallSpec struct {
	// From and Name are the caller's number and name as the line delivers them.
	From, Name string
	// FromHeader, if set, is the whole value of the From header instead, without a tag: `"x" <sip:y@z>`.
	FromHeader string
	// Headers are more header lines of the INVITE ("Privacy: id").
	Headers []string
	// Agent is the extension of the agent who dials instead of somebody outside.
	Agent string
	// To is what is dialled: a DID of the line, or what an agent types.
	To string
	// GiveUp is when the caller stops waiting for an answer (CANCEL), from the INVITE on; zero: never.
	GiveUp time.Duration
	// Talk is how long the caller waits after the answer before hanging up; zero: never. A queue that answers for
	// itself counts as answered.
	Talk time.Duration
	// Digits are typed one after the other as soon as the call is answered.
	Digits string
	// Speaks says that the caller sends sound (of silence), without which Asterisk leaves Local channels where they are.
	Speaks bool
}

// PlacedCall is a call that is under way.
type PlacedCall struct {
	a      *Asterisk
	spec   CallSpec
	port   int
	prog   *program
	dialog *Dialog // once it was asked for
}

// never is longer than any test: a time that is not reached.
const never = 3 * time.Hour

// Phone starts and registers the phone of ext. A phone already there under this extension must be closed before; only
// 1005 may have two.
func (a *Asterisk) Phone(ext string, b Behaviour) *Phone {
	a.tb.Helper()
	port, err := sipPort()
	if err != nil {
		a.tb.Fatalf("phone %s: %v", ext, err)
	}
	p := a.answering(ext, port, b)
	if err := a.register(ext, port, 3600); err != nil {
		a.tb.Fatalf("register phone %s: %v", ext, err)
	}
	a.Eventually("phone "+ext+" is not free", func() bool { return a.device(ext) == "NOT_INUSE" })
	return p
}

// Carrier starts the far end of the line: whom the agents' outbound calls reach. Only one at a time.
func (a *Asterisk) Carrier(b Behaviour) *Phone {
	a.tb.Helper()
	return a.answering("", a.trunkPort, b)
}

// Close takes the phone away: it is unregistered and its program ends. Its calls should be over.
func (p *Phone) Close() {
	p.a.tb.Helper()
	p.a.mu.Lock()
	p.a.phones = slices.DeleteFunc(p.a.phones, func(other *Phone) bool { return other == p })
	another := slices.ContainsFunc(p.a.phones, func(other *Phone) bool { return other.ext == p.ext })
	p.a.mu.Unlock()
	if p.ext != "" {
		if err := p.a.register(p.ext, p.port, 0); err != nil {
			p.a.tb.Fatalf("unregister phone %s: %v", p.ext, err)
		}
		p.a.Eventually("phone "+p.ext+" is still there", func() bool { return another || p.a.device(p.ext) == "UNAVAILABLE" })
	}
	p.end()
}

func (a *Asterisk) answering(ext string, port int, b Behaviour) *Phone {
	a.tb.Helper()
	scenario := "phone-rings"
	switch {
	case b.Silent:
		scenario = "phone-silent"
	case b.Late:
		scenario = "phone-late"
	case b.Forward != "":
		scenario = "phone-forwards"
	case b.Refuse != "" && b.Ring == 0:
		scenario = "phone-busy"
	case b.Refuse != "":
		scenario = "phone-refuses"
	case b.Answer && b.EarlyMedia:
		scenario = "phone-early-media"
	case b.Answer:
		scenario = "phone-answers"
	}
	prog, err := a.sipp(scenario, port, map[string]string{
		"RING": millis(b.Ring, time.Millisecond), "TALK": millis(b.Talk, never), "STATUS": b.Refuse,
		"TO": b.Forward,
	})
	if err != nil {
		a.tb.Fatalf("phone %s: %v", ext, err)
	}
	end := func() { prog.cancel(); <-prog.done }
	a.onClose(end)
	if err := waitBound(port, prog.done); err != nil {
		a.tb.Fatalf("phone %s: %v", ext, err)
	}
	p := &Phone{a: a, ext: ext, port: port, prog: prog, end: end}
	a.mu.Lock()
	a.phones = append(a.phones, p)
	a.mu.Unlock()
	return p
}

// device is what Asterisk thinks of a phone: NOT_INUSE, INUSE, RINGING, UNAVAILABLE, ...
func (a *Asterisk) device(ext string) string {
	var device struct{ State string }
	if err := a.Get("/deviceStates/PJSIP%2F"+ext, &device); err != nil {
		return ""
	}
	return device.State
}

// register tells Asterisk where the phone of ext is, or with expires 0 that it has gone.
func (a *Asterisk) register(ext string, phone, expires int) error {
	port, err := sipPort()
	if err != nil {
		return err
	}
	prog, err := a.sipp("register", port, nil, "-m", "1", "-key", "ext", ext, "-key", "contact_port", strconv.Itoa(phone),
		"-key", "expires", strconv.Itoa(expires), "-au", ext, "-ap", PhonePassword)
	if err != nil {
		return err
	}
	defer prog.cancel()
	<-prog.done
	return prog.err
}

// Call places a call and returns at once.
func (a *Asterisk) Call(spec CallSpec) *PlacedCall {
	a.tb.Helper()
	port, err := sipPort()
	if err != nil {
		a.tb.Fatalf("call %s: %v", spec.To, err)
	}
	scenario, from := "caller", spec.FromHeader
	args := []string{"-m", "1"}
	switch {
	case spec.Agent != "":
		scenario, from = "agent", fmt.Sprintf("<sip:%s@127.0.0.1>", spec.Agent)
		args = append(args, "-au", spec.Agent, "-ap", PhonePassword)
	case from == "":
		from = fmt.Sprintf("<sip:%s@carrier.example>", spec.From)
		if spec.Name != "" {
			from = fmt.Sprintf("%q ", spec.Name) + from
		}
	}
	var headers strings.Builder
	for _, h := range spec.Headers {
		headers.WriteString(h + "\r\n")
	}
	args = append(args, "-key", "from", from, "-key", "to", spec.To, "-key", "headers", headers.String())
	prog, err := a.sipp(scenario, port, map[string]string{
		"CANCEL": millis(spec.GiveUp, never), "TALK": millis(spec.Talk, never), "DIGITS": a.speech(spec.Speaks) + a.digits(spec.Digits),
	}, args...)
	if err != nil {
		a.tb.Fatalf("call %s: %v", spec.To, err)
	}
	a.onClose(func() { prog.cancel(); <-prog.done })
	return &PlacedCall{a: a, spec: spec, port: port, prog: prog}
}

// Wait waits until the call is over for its caller, and fails the test if SIP did not go as it should.
func (c *PlacedCall) Wait() {
	c.a.tb.Helper()
	<-c.prog.done
	if c.prog.err != nil {
		c.a.tb.Fatalf("the call to %s: %v", c.spec.To, c.prog.err)
	}
}

// Done is closed when the call is over for its caller.
func (c *PlacedCall) Done() <-chan struct{} { return c.prog.done }

// speech renders the part of caller.xml that begins to send sound, and makes the second of silence that it sends.
func (a *Asterisk) speech(speaks bool) string {
	if !speaks {
		return ""
	}
	part, err := os.ReadFile(filepath.Join(a.repo, "deploy/lab/sipp/speak.part"))
	if err == nil {
		err = os.WriteFile(filepath.Join(a.dir, "silence.ulaw"), bytes.Repeat([]byte{0xff}, 8000), 0o644)
	}
	if err != nil {
		a.tb.Fatalf("the sound of a caller: %v", err)
	}
	return string(part)
}

// digits renders the part of caller.xml that types: one INFO for each digit.
func (a *Asterisk) digits(digits string) string {
	if digits == "" {
		return ""
	}
	one, err := os.ReadFile(filepath.Join(a.repo, "deploy/lab/sipp/digit.part"))
	if err != nil {
		a.tb.Fatalf("read the part of a digit: %v", err)
	}
	var b strings.Builder
	for i, d := range digits {
		b.WriteString(strings.NewReplacer("@DIGIT@", string(d), "@CSEQ@", strconv.Itoa(10+i)).Replace(string(one)))
	}
	return b.String()
}

// program is a sipp that runs; err may be read once done is closed.
type program struct {
	done     chan struct{}
	err      error
	killed   bool // by us, or because it lasted too long; to be read like err
	cancel   context.CancelFunc
	messages string // the file in which sipp writes every message
}

// sipp starts the scenario deploy/lab/sipp/NAME.xml on a port of its own, with its words between at-signs filled in.
func (a *Asterisk) sipp(name string, port int, words map[string]string, args ...string) (*program, error) {
	text, err := a.scenario(name, words)
	if err != nil {
		return nil, err
	}
	return a.launch(name, text, port, args...)
}

// scenario is the text of deploy/lab/sipp/NAME.xml with its words filled in.
func (a *Asterisk) scenario(name string, words map[string]string) (string, error) {
	text, err := os.ReadFile(filepath.Join(a.repo, "deploy/lab/sipp", name+".xml"))
	if err != nil {
		return "", err
	}
	var pairs []string
	for word, with := range words {
		pairs = append(pairs, "@"+word+"@", with)
	}
	return strings.NewReplacer(pairs...).Replace(string(text)), nil
}

// launch starts sipp with the text of a scenario.
func (a *Asterisk) launch(name, text string, port int, args ...string) (*program, error) {
	base := filepath.Join(a.dir, fmt.Sprintf("%03d-%s", a.programs.Add(1), name))
	if err := os.WriteFile(base+".xml", []byte(text), 0o644); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), never)
	cmd := exec.CommandContext(ctx, "sipp", append([]string{
		"-nostdin", "-sf", base + ".xml", "-i", "127.0.0.1", "-p", strconv.Itoa(port),
		// sipp takes a media port although it sends none, and gives up if a hundred from the first one on are taken.
		"-mi", "127.0.0.1", "-mp", strconv.Itoa(mediaFirst + (port-sipFirst)%sipPorts*8),
		"-trace_err", "-error_file", base + ".err", "-trace_msg", "-message_file", base + ".sip",
	}, append(args, a.SIP)...)...)
	cmd.Dir = a.dir
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	p := &program{done: make(chan struct{}), cancel: cancel, messages: base + ".sip"}
	go func() {
		defer close(p.done)
		err := cmd.Wait()
		p.killed = ctx.Err() != nil
		if err != nil && !p.killed {
			log, _ := os.ReadFile(base + ".err")
			p.err = fmt.Errorf("sipp %s: %w: %s", name, err, log)
		}
		cancel()
	}()
	return p, nil
}

// waitBound waits until somebody listens on the port, which is when a phone can be called.
func waitBound(port int, done <-chan struct{}) error {
	deadline := time.Now().Add(5 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if udpBound(port) {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("sipp ended at once")
		case <-tick.C:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("sipp does not listen on port %d", port)
		}
	}
}

func millis(d, zero time.Duration) string {
	if d == 0 {
		d = zero
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}
