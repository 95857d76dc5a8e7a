package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringbook/pbx"
	"ringbook/pbx/ari"
)

// doctorCommand examines exchanges with the same client that the service uses, and says what it found.
type doctorCommand struct {
	PBX   string        `name:"pbx" env:"RINGBOOK_PBX" secret:"" placeholder:"URL" help:"The exchange: http://user:password@host:8088/ari, with a name as in name=http://… where there are several."`
	AMI   string        `name:"ami" env:"RINGBOOK_AMI" secret:"" placeholder:"URL" help:"Its AMI, if ringbook is to use it: tcp://user:password@host:5038, with the same name where there are several."`
	PBXCA string        `name:"pbx-ca" env:"RINGBOOK_PBX_CA" type:"path" help:"PEM file of a certificate authority to trust, besides the system's."`
	Watch time.Duration `placeholder:"TIME" help:"Afterwards show calls as they happen for so long, as 60s."`
}

func (d doctorCommand) Run(c *console) error {
	var faults Faults
	exchanges := parseNamedURLs("RINGBOOK_PBX", named(d.PBX, "pbx"), []string{"http", "https"}, "http://user:password@host:8088/ari", &faults)
	if len(exchanges) == 0 && len(faults) == 0 {
		faults.add("RINGBOOK_PBX", "is empty; write --pbx http://user:password@host:8088/ari")
	}
	one := "pbx"
	if len(exchanges) == 1 {
		one = exchanges[0].Name
	}
	managers := parseManagers(named(d.AMI, one), &faults)
	if d.PBXCA != "" {
		if _, err := os.Stat(d.PBXCA); err != nil {
			faults.add("RINGBOOK_PBX_CA", "cannot be read: %v; name a PEM file", plain(err))
		}
	}
	if len(faults) > 0 {
		return faults
	}
	sick := false
	for _, exchange := range exchanges {
		e := examination{out: c.stdout, watch: d.Watch, patience: 20 * time.Second, ca: d.PBXCA, manager: ExchangeSettings{Name: exchange.Name}}
		for _, m := range managers {
			if m.Name == exchange.Name {
				e.manager = m
			}
		}
		client, err := ari.New(ari.Config{Name: exchange.Name, URL: exchange.URL, Node: "doctor", CAFile: d.PBXCA, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		e.run(c.ctx, client, exchange)
		sick = sick || e.wrong+e.brokenAMI > 0
	}
	if sick {
		return errSaid
	}
	return c.ctx.Err()
}

// examination is one look at one exchange. Findings are printed as they are made.
type examination struct {
	out      io.Writer
	watch    time.Duration
	patience time.Duration // how long the stream, or the manager, may take to be live
	ca       string
	host     string           // of the exchange
	manager  ExchangeSettings // its URL is empty if there is none
	warnings int
	wrong    int
	// brokenAMI are faults of AMI, without which ringbook works.
	brokenAMI int
}

// named gives a single URL without a name that name.
func named(value, name string) string {
	if !strings.Contains(value, " ") && regexp.MustCompile(`^[a-z]+://`).MatchString(value) {
		return name + "=" + value
	}
	return value
}

func (e *examination) good(format string, args ...any) {
	fmt.Fprintf(e.out, "  ✓ "+format+"\n", args...)
}

func (e *examination) warn(format string, args ...any) {
	e.warnings++
	fmt.Fprintf(e.out, "  ! "+format+"\n", args...)
}

func (e *examination) bad(format string, args ...any) {
	e.wrong++
	text := fmt.Sprintf(format, args...)
	if question, ok := strings.CutSuffix(text, "?."); ok { // a reason may end as a question
		text = question + "?"
	}
	fmt.Fprintln(e.out, "  ✗ "+text)
}

// note is worth knowing, and neither good nor bad.
func (e *examination) note(format string, args ...any) {
	fmt.Fprintf(e.out, "  · "+format+"\n", args...)
}

// more prints lines that belong to the finding above.
func (e *examination) more(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(e.out, "      %s", line)
	}
	fmt.Fprintln(e.out)
}

func (e *examination) run(ctx context.Context, client *ari.Client, exchange ExchangeSettings) {
	u, err := url.Parse(exchange.URL)
	if err != nil {
		return // parseNamedURLs has read it before
	}
	user := u.User.Username()
	u.User, e.host = nil, u.Hostname()
	fmt.Fprintf(e.out, "Exchange %s: %s as user %s\n", exchange.Name, u, user)

	asked := time.Now()
	info, err := client.Info(ctx)
	if err != nil {
		e.bad("%s.", sentence(ari.Explain(err)))
		if errors.Is(err, ari.ErrUnauthorized) {
			e.more("Compare with the PBX's ari.conf; ringbook needs a user like this:\n\n" + stanza(user))
		}
		if errors.Is(err, ari.ErrNotFound) {
			e.more("ARI is switched on, and has its user, by this in the PBX's ari.conf; then \"asterisk -rx 'module reload res_ari.so'\":\n\n[general]\nenabled=yes\n\n" + stanza(user))
		}
		e.finish(ctx)
		return
	}
	e.good("It answers, in %s, and takes the user and password.", short(time.Since(asked)))
	if u.Scheme == "http" && !local(u.Hostname()) {
		e.warn("The password crosses the network unencrypted: use https (http.conf: tlsenable=yes), or keep the PBX on a network of its own.")
	}
	e.version(info)
	e.clock(ctx, client)
	if e.stream(ctx, client, user) {
		e.finish(ctx)
	}
}

// stream connects as the service does, and says whether it would see calls. It says the summary itself, and returns
// false, where it goes on to watch.
func (e *examination) stream(ctx context.Context, client *ari.Client, user string) (closing bool) {
	ctx, stop := context.WithCancel(ctx)
	calls := make(chan pbx.Call, 256)
	done := make(chan error, 1)
	exchange := pbx.NewExchange(client, pbx.Config{Name: client.Name()}, slog.New(slog.DiscardHandler))
	go func() {
		done <- exchange.Run(ctx, func(_ context.Context, call pbx.Call) {
			select {
			case calls <- call:
			default: // nobody watches, or too slowly: what is shown is only a look
			}
		})
	}()
	defer func() {
		stop()
		<-done
	}()

	health, ok := e.live(ctx, client)
	if !ok {
		if ctx.Err() != nil {
			return true
		}
		reason := health.Reason
		if reason == "" {
			reason = "no event came through"
		}
		e.bad("The stream of events does not work: %s.", reason)
		if strings.Contains(health.Err, "403") {
			e.more("The user may only read, so nothing can be subscribed. Give ringbook a user of its own in ari.conf,\nthen reload with \"asterisk -rx 'ari reload'\" (module reload res_ari.so):\n\n" + stanza(user))
		}
		return true
	}
	e.good("The user may write: channels, bridges and endpoints are subscribed, and the PBX confirms it.")
	e.good("A test event came back through the stream in %s.", short(health.CanaryRTT))

	if application, err := client.Application(ctx, health.App); err != nil {
		e.bad("The PBX does not show our application: %s.", ari.Explain(err))
	} else if len(application.Disallowed) == 0 {
		e.warn("This PBX filters no events (that came with Asterisk 16.3): it also sends the digits that callers type. ringbook throws them away.")
	} else {
		e.good("Events that are not needed, digits that callers type among them, stay at the PBX.")
	}
	e.endpoints(ctx, client)

	e.note("Calls going on at this moment: %d.", len(exchange.Live()))
	if e.watch <= 0 {
		e.note("To see what a test call looks like, run this again with --watch 60s and call an agent.")
		return true
	}
	e.finish(ctx)
	e.show(ctx, calls)
	return false
}

// live waits until the stream is live, or is known not to become so by waiting.
func (e *examination) live(ctx context.Context, client *ari.Client) (ari.Health, bool) {
	ctx, cancel := context.WithTimeout(ctx, e.patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		health := client.Health()
		if health.Live {
			return health, true
		}
		if strings.Contains(health.Err, "403") || strings.Contains(health.Err, "401") {
			return health, false
		}
		select {
		case <-ctx.Done():
			return health, false
		case <-tick.C:
		}
	}
}

func (e *examination) version(info ari.Info) {
	v, ok := parseVersion(info.Version)
	switch {
	case !ok:
		e.warn("It calls its version %q, which tells nothing; ringbook is tested with Asterisk 22.", info.Version)
		return
	case v.less(version3{13, 26, 0}) || v.major == 16 && v.less(version3{16, 3, 0}) || v.major == 14 || v.major == 15:
		e.warn("Asterisk %s has no event filter (16.3 has): the PBX sends more than is needed, digits that callers type among it.", v)
	case v.major < 18:
		e.warn("Asterisk %s is no longer maintained; ringbook is tested with Asterisk 22.", v)
	case strings.Contains(info.Version, "22.11.0-rc1"):
		e.warn("Asterisk 22.11.0-rc1 crashes when an ARI client sends a PONG (asterisk#2085). ringbook sends none; other programs may. Update it.")
	default:
		e.good("It is Asterisk %s, up since %s.", v, info.Started.Local().Format(time.DateTime))
	}
	wedges := v.major == 22 && !v.less(version3{22, 4, 0}) || v.major == 21 && !v.less(version3{21, 9, 0}) ||
		v.major == 20 && !v.less(version3{20, 14, 0}) || v.major > 22
	if wedges {
		e.note("In this version, a program that subscribes to every device state (subscribeAll=true) can block ARI for all when it leaves (asterisk#2170). ringbook never does; see that no other program of yours does.")
	}
}

func (e *examination) clock(ctx context.Context, client *ari.Client) {
	asked := time.Now()
	theirs, err := client.Clock(ctx)
	if err != nil || theirs.IsZero() {
		return // older than Asterisk 16.6
	}
	ours := asked.Add(time.Since(asked) / 2)
	skew := theirs.Sub(ours).Round(time.Millisecond)
	switch {
	case skew.Abs() < time.Second:
		e.good("Its clock is right (%+d ms against ours).", skew.Milliseconds())
	default:
		ahead := "ahead of"
		if skew < 0 {
			ahead = "behind"
		}
		e.warn("Its clock is %s %s ours. Times of calls are the PBX's: run a time service (chrony) on both machines.", skew.Abs(), ahead)
	}
}

var phoneName = regexp.MustCompile(`^[0-9]{2,6}$`)

func (e *examination) endpoints(ctx context.Context, client *ari.Client) {
	all, err := client.Endpoints(ctx)
	if err != nil {
		e.bad("The list of phones cannot be read: %s.", ari.Explain(err))
		return
	}
	var online, offline, others []string
	for _, endpoint := range all {
		switch {
		case !phoneName.MatchString(endpoint.Resource):
			others = append(others, endpoint.Technology+"/"+endpoint.Resource)
		case endpoint.State == "online":
			online = append(online, endpoint.Resource)
		default:
			offline = append(offline, endpoint.Resource)
		}
	}
	phones := len(online) + len(offline)
	if phones == 0 {
		e.bad("No phone is named by an extension (PJSIP/1001): agents could not be told apart. The PBX has %s.", some(others))
		return
	}
	e.good("%s: %s.", plural(phones, "phone"), joined([]string{
		counted("online", online), counted("not registered", offline),
	}))
	if len(others) > 0 {
		e.good("Lines to the outside and the rest: %s.", some(others))
	}
	first := slices.Concat(online, offline)[0]
	e.good("A call that rings %s would pop on the desk of the agent who has extension %s in ringbook.", first, first)
}

// show prints calls as they change, for as long as was asked for.
func (e *examination) show(ctx context.Context, calls <-chan pbx.Call) {
	fmt.Fprintf(e.out, "\nCalls, for %s (Ctrl-C ends it):\n", e.watch)
	end := time.NewTimer(e.watch)
	defer end.Stop()
	seen, said := map[string]bool{}, map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			fmt.Fprintf(e.out, "%s seen.\n", plural(len(seen), "call"))
			return
		case call := <-calls:
			id := call.ID.String()
			seen[id] = true
			if line := describe(call); said[id] != line {
				said[id] = line
				fmt.Fprintf(e.out, "  %s  %s\n", time.Now().Format(time.TimeOnly), line)
			}
			if call.State == pbx.StateEnded {
				delete(said, id)
			}
		}
	}
}

// describe is a call in one line.
func describe(call pbx.Call) string {
	var b strings.Builder
	caller := call.Caller.Number
	switch {
	case call.Caller.Withheld:
		caller = "withheld"
	case caller == "":
		caller = "no number"
	}
	fmt.Fprintf(&b, "%s  %s → %s", call.Direction, caller, call.Dialed)
	if call.Queue != "" {
		fmt.Fprintf(&b, "  queue %s", call.Queue)
	}
	fmt.Fprintf(&b, "  %s", call.State)
	if call.Outcome != "" {
		fmt.Fprintf(&b, " (%s)", call.Outcome)
	}
	var agents []string
	for _, leg := range call.Legs {
		if leg.Role != pbx.RoleAgent {
			continue
		}
		what := "rings"
		switch {
		case leg.End != "":
			what = strings.ReplaceAll(string(leg.End), "_", " ")
		case !leg.AnsweredAt.IsZero():
			what = "talks"
		}
		agents = append(agents, leg.Extension+" "+what)
	}
	if len(agents) > 0 {
		fmt.Fprintf(&b, "  [%s]", strings.Join(agents, ", "))
	}
	return b.String()
}

// finish examines AMI, and says the sum of it all.
func (e *examination) finish(ctx context.Context) {
	e.ami(ctx)
	switch {
	case e.wrong > 0:
		fmt.Fprintf(e.out, "Result: ringbook cannot work with this exchange yet; see ✗ above.\n")
	case e.brokenAMI > 0:
		fmt.Fprintf(e.out, "Result: calls work with this exchange, and what needs AMI does not; see ✗ above.\n")
	case e.warnings > 0:
		fmt.Fprintf(e.out, "Result: ringbook works with this exchange; see ! above.\n")
	default:
		fmt.Fprintf(e.out, "Result: all is well.\n")
	}
}

// stanza is the user that ringbook needs, for ari.conf.
func stanza(user string) string {
	return "[" + user + "]\ntype=user\nread_only=no\npassword=…\n"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// short is a duration in milliseconds, to the tenth.
func short(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func local(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

func counted(what string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s (%s)", len(list), what, some(list))
}

// some are the first few of a list, which may be long.
func some(list []string) string {
	const few = 8
	if len(list) == 0 {
		return "none"
	}
	if len(list) <= few {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:few], ", "), len(list)-few)
}

func joined(parts []string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// version3 is an Asterisk version.
type version3 struct{ major, minor, patch int }

func (v version3) String() string { return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch) }

func (v version3) less(w version3) bool {
	return slices.Compare([]int{v.major, v.minor, v.patch}, []int{w.major, w.minor, w.patch}) < 0
}

var versionShape = regexp.MustCompile(`(?:^|[^0-9])([0-9]{1,3})\.([0-9]{1,3})(?:\.([0-9]{1,3}))?`)

// parseVersion reads "22.10.1~dfsg+~cs6.15", "certified-20.7-cert3" and "GIT-18.9.0-abc".
func parseVersion(text string) (version3, bool) {
	m := versionShape.FindStringSubmatch(text)
	if m == nil {
		return version3{}, false
	}
	var v version3
	for i, into := range []*int{&v.major, &v.minor, &v.patch} {
		*into, _ = strconv.Atoi(m[i+1]) // digits by the pattern; an absent patch is 0
	}
	return v, true
}
