package pbxtest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// watcher follows a fake through the real client.
type watcher struct {
	mu    sync.Mutex
	items []ari.Item
}

func (w *watcher) all() []ari.Item {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.items)
}

func (w *watcher) events() (events []*ari.Event) {
	for _, i := range w.all() {
		if i.Event != nil {
			events = append(events, i.Event)
		}
	}
	return events
}

// inBubble runs a test with a fake that a client follows already.
func inBubble(t *testing.T, test func(t *testing.T, fake *pbxtest.Fake, c *ari.Client, w *watcher)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fake := pbxtest.NewFake(pbxtest.FakeConfig{Zone: time.FixedZone("Tehran", 12600)})
		c, err := ari.New(ari.Config{Name: "fake", URL: fake.URL(), DialContext: fake.Dial, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		w := new(watcher)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- c.Run(ctx, func(i ari.Item) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.items = append(w.items, i)
			})
		}()
		synctest.Wait()
		test(t, fake, c, w)
		cancel()
		<-done
		c.Close()
		fake.Close()
	})
}

func recording(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func recorded(t *testing.T, b []byte) (items []ari.Item) {
	t.Helper()
	for item, err := range ari.ReadRecording(bytes.NewReader(b)) {
		if err != nil {
			t.Fatal(err)
		}
		if item.Event != nil {
			items = append(items, item)
		}
	}
	return items
}

// Every recording, replayed, gives the same story with other ids, now, in its rhythm, and leaves nothing behind.
func TestPlay(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		t.Run(name, func(t *testing.T) {
			b := recording(t, name)
			want := recorded(t, b)
			inBubble(t, func(t *testing.T, fake *pbxtest.Fake, c *ari.Client, w *watcher) {
				began := time.Now()
				if err := fake.Play(t.Context(), bytes.NewReader(b), pbxtest.PlayOptions{}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				var got []ari.Item
				for _, i := range w.all() {
					if i.Event != nil {
						got = append(got, i)
					}
				}
				if len(got) < len(want) {
					t.Fatalf("%d events of %d", len(got), len(want))
				}
				ids := map[string]string{}
				for i, item := range want {
					sameStory(t, ids, item.Event, got[i].Event)
					since, wanted := got[i].At.Sub(got[0].At), item.At.Sub(want[0].At)
					if (since - wanted).Abs() > time.Microsecond {
						t.Errorf("event %d came %s after the first, want %s", i, since, wanted)
					}
					if lag := got[i].At.Sub(got[i].Event.Timestamp); lag < -time.Millisecond || lag > time.Second {
						t.Errorf("event %d carries a time %s before it was sent", i, lag)
					}
				}
				if got[0].At.Before(began) {
					t.Error("time went backwards")
				}
				if channels, bridges := fake.Live(); channels+bridges != 0 {
					t.Errorf("%d channels and %d bridges are left", channels, bridges)
				}
			})
		})
	}
}

// sameStory compares a recorded event with its replay, learning which id became which.
func sameStory(t *testing.T, ids map[string]string, want, got *ari.Event) {
	t.Helper()
	if want.Type != got.Type || want.DialStatus != got.DialStatus || want.Cause != got.Cause || want.DialplanApp != got.DialplanApp {
		t.Fatalf("%s became %+v", want.Type, got)
	}
	same := func(what, before, after string) {
		if before == after || after == "" {
			t.Errorf("%s %q was not renewed (%q)", what, before, after)
		}
		if known, ok := ids[before]; ok && known != after {
			t.Errorf("%s %q became %q and %q", what, before, known, after)
		}
		ids[before] = after
	}
	channel := func(want, got *ari.Channel) {
		if (want == nil) != (got == nil) {
			t.Fatalf("%+v became %+v", want, got)
		}
		if want == nil {
			return
		}
		same("channel", want.ID, got.ID)
		same("name", want.Name, got.Name)
		if want.State != got.State || want.Caller != got.Caller || want.Connected != got.Connected || want.Dialplan.Exten != got.Dialplan.Exten {
			t.Errorf("%+v became %+v", want, got)
		}
	}
	channel(want.Channel, got.Channel)
	channel(want.Caller, got.Caller)
	channel(want.Peer, got.Peer)
	if want.Bridge != nil {
		same("bridge", want.Bridge.ID, got.Bridge.ID)
		if len(want.Bridge.Channels) != len(got.Bridge.Channels) {
			t.Errorf("%+v became %+v", want.Bridge, got.Bridge)
		}
		for i := range want.Bridge.Channels {
			same("member", want.Bridge.Channels[i], got.Bridge.Channels[i])
		}
	}
}

func TestPlayTwiceAtOnce(t *testing.T) {
	b := recording(t, "queue-ringall-answered")
	inBubble(t, func(t *testing.T, fake *pbxtest.Fake, c *ari.Client, w *watcher) {
		var plays sync.WaitGroup
		for range 2 {
			plays.Go(func() {
				if err := fake.Play(t.Context(), bytes.NewReader(b), pbxtest.PlayOptions{Speed: 10}); err != nil {
					t.Error(err)
				}
			})
		}
		plays.Wait()
		synctest.Wait()
		created := map[string]int{}
		names := map[string]int{}
		for _, e := range w.events() {
			if e.Type == "ChannelCreated" {
				created[e.Channel.ID]++
				names[e.Channel.Name]++
			}
		}
		once := 0
		for _, i := range recorded(t, b) {
			if i.Event.Type == "ChannelCreated" {
				once++
			}
		}
		if len(created) != 2*once || len(names) != 2*once {
			t.Errorf("channels: %v, names: %v; one play has %d", created, names, once)
		}
	})
}

func TestPlayReplaces(t *testing.T) {
	b := recording(t, "direct-answered-caller-hangs-up")
	first := recorded(t, b)
	var number, name string
	for _, i := range first {
		if ch := i.Event.Channel; ch != nil && strings.HasPrefix(ch.Name, "PJSIP/trunk") && ch.Caller.Number != "" {
			number, name = ch.Caller.Number, ch.Caller.Name
			break
		}
	}
	if number == "" {
		t.Fatal("the recording has no caller from outside")
	}
	inBubble(t, func(t *testing.T, fake *pbxtest.Fake, c *ari.Client, w *watcher) {
		replace := map[string]string{number: "+989350000001", "1001": "2077"}
		if name != "" {
			replace[name] = "نگار رضایی"
		}
		if err := fake.Play(t.Context(), bytes.NewReader(b), pbxtest.PlayOptions{Speed: math.Inf(1), Replace: replace}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		phones, callers := 0, 0
		for _, e := range w.events() {
			for _, ch := range []*ari.Channel{e.Channel, e.Peer, e.Caller} {
				if ch == nil {
					continue
				}
				if strings.Contains(ch.Name, "1001-") || ch.Caller.Number == number || ch.Connected.Number == number || name != "" && ch.Caller.Name == name {
					t.Errorf("%s: not replaced: %+v", e.Type, ch)
				}
				if strings.HasPrefix(ch.Name, "PJSIP/2077-") {
					phones++
				}
				if ch.Caller.Number == "+989350000001" {
					callers++
				}
			}
		}
		if phones == 0 || callers == 0 {
			t.Errorf("%d phones, %d callers", phones, callers)
		}
	})
}

// While a recording plays, GET /channels and /bridges tell what is up at that moment, and a channel that a
// client hangs up stays dead.
func TestPlayKeepsTheTables(t *testing.T) {
	b := recording(t, "direct-answered-agent-hangs-up")
	inBubble(t, func(t *testing.T, fake *pbxtest.Fake, c *ari.Client, w *watcher) {
		done := make(chan error, 1)
		go func() { done <- fake.Play(t.Context(), bytes.NewReader(b), pbxtest.PlayOptions{}) }()
		up := map[string]bool{}
		deadline := time.After(time.Hour)
		var answered string
		for seen := 0; answered == ""; {
			synctest.Wait()
			events := w.events()
			for ; seen < len(events); seen++ {
				switch e := events[seen]; e.Type {
				case "ChannelCreated":
					up[e.Channel.ID] = true
				case "ChannelDestroyed":
					delete(up, e.Channel.ID)
				case "ChannelEnteredBridge":
					answered = e.Channel.ID
				}
			}
			channels, err := c.Channels(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for _, ch := range channels {
				got[ch.ID] = true
			}
			if !maps.Equal(up, got) {
				t.Fatalf("GET /channels: %v, the events say %v", got, up)
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-deadline:
				t.Fatal("nobody answered")
			}
		}
		if bridges, err := c.Bridges(t.Context()); err != nil || len(bridges) != 1 || !slices.Contains(bridges[0].Channels, answered) {
			t.Errorf("bridges: %+v, %v", bridges, err)
		}
		if err := c.Hangup(t.Context(), answered, "normal"); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ends := 0
		for _, e := range w.events() {
			if e.Type == "ChannelDestroyed" && e.Channel.ID == answered {
				ends++
			}
		}
		if ends != 1 {
			t.Errorf("the channel ended %d times", ends)
		}
	})
}

func TestPlayEndsWithItsContext(t *testing.T) {
	b := recording(t, "queue-ringall-answered")
	inBubble(t, func(t *testing.T, fake *pbxtest.Fake, c *ari.Client, w *watcher) {
		ctx, cancel := context.WithTimeout(t.Context(), recorded(t, b)[20].At.Sub(recorded(t, b)[0].At))
		defer cancel()
		if err := fake.Play(ctx, bytes.NewReader(b), pbxtest.PlayOptions{}); err != context.DeadlineExceeded {
			t.Errorf("%v", err)
		}
		if channels, bridges := fake.Live(); channels+bridges != 0 {
			t.Errorf("%d channels and %d bridges are left", channels, bridges)
		}
		if err := fake.Play(t.Context(), strings.NewReader("nonsense\n"), pbxtest.PlayOptions{}); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%v", err)
		}
	})
}

// The demo is part of the program: package testing must not be.
func TestNoTestingInTheProgram(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if strings.HasPrefix(i.Path.Value, `"testing`) {
				t.Errorf("%s imports %s", file, i.Path.Value)
			}
		}
	}
}

// The fake answers as a real Asterisk does: the same statuses, the same words, the same fields. An id that exists
// already is left out: the real one leaks a channel of it, and then takes 15 s to end.
func TestFakeAnswersAsAsterisk(t *testing.T) {
	real := pbxtest.StartAsterisk(t)
	fake := pbxtest.NewFake(pbxtest.FakeConfig{Endpoints: []string{"PJSIP/1001"}})
	defer fake.Close()
	if err := fake.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	const app = "twin"
	for _, base := range []string{real.URL, fake.URL()} {
		socket, _, err := websocket.DefaultDialer.Dial(strings.Replace(bare(t, base), "http", "ws", 1)+"/events?app="+app, auth(t, base))
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
	}
	for _, r := range []struct{ method, path, body string }{
		{"GET", "/asterisk/info", ""},
		{"GET", "/asterisk/ping", ""},
		{"GET", "/nothing", ""},
		{"GET", "/channels", ""},
		{"GET", "/channels/nope", ""},
		{"DELETE", "/channels/nope", ""},
		{"GET", "/channels/nope/variable?variable=X", ""},
		{"POST", "/channels/nope/hold", ""},
		{"POST", "/channels/nope/snoop?app=x&spy=both", ""},
		{"GET", "/bridges", ""},
		{"GET", "/bridges/nope", ""},
		{"GET", "/deviceStates/PJSIP%2Fnone", ""},
		{"GET", "/applications", ""},
		{"GET", "/applications/nope", ""},
		{"GET", "/applications/" + app, ""},
		{"POST", "/applications/nope/subscription?eventSource=channel:", ""},
		{"POST", "/applications/" + app + "/subscription", ""},
		{"POST", "/applications/" + app + "/subscription?eventSource=planet:", ""},
		{"POST", "/applications/" + app + "/subscription?eventSource=channel:nope", ""},
		{"POST", "/applications/" + app + "/subscription?eventSource=channel:,bridge:,endpoint:", ""},
		{"POST", "/applications/" + app + "/subscription?eventSource=deviceState:PJSIP%2F1001", ""},
		{"DELETE", "/applications/" + app + "/subscription?eventSource=deviceState:", ""},
		{"DELETE", "/applications/" + app + "/subscription?eventSource=deviceState:PJSIP%2F1001", ""},
		{"DELETE", "/applications/" + app + "/subscription?eventSource=endpoint:", ""},
		{"PUT", "/applications/" + app + "/eventFilter", `junk`},
		{"PUT", "/applications/" + app + "/eventFilter", `{"disallowed":[{"type":"ChannelVarset"}]}`},
		{"PUT", "/applications/" + app + "/eventFilter", `{}`},
		{"PUT", "/applications/nope/eventFilter", `{}`},
		{"POST", "/events/user/x?application=nope", ""},
		{"POST", "/events/user/x?application=" + app, ""},
		{"POST", "/channels", ""},
		{"POST", "/channels?endpoint=Local%2F600@test-numbers&channelId=c1&context=test-numbers&extension=600", ""},
		{"GET", "/channels/c1", ""},
		{"GET", "/channels/c1/variable", ""},
		{"GET", "/channels/c1/variable?variable=CHANNEL(linkedid)", ""},
		{"GET", "/channels/c1/variable?variable=NO_SUCH_THING", ""},
		{"POST", "/channels/c1/hold", ""},
		{"DELETE", "/channels/c1?reason=spite", ""},
		{"DELETE", "/channels/c1?reason=busy", ""},
	} {
		status, want := ask(t, real.URL, r.method, r.path, r.body)
		gotStatus, got := ask(t, fake.URL(), r.method, r.path, r.body)
		if status != gotStatus {
			t.Errorf("%s %s: the fake says %d %v, Asterisk %d %v", r.method, r.path, gotStatus, got, status, want)
			continue
		}
		if diff := cmp.Diff(shape(want), shape(got)); diff != "" {
			t.Errorf("%s %s (-Asterisk +fake)\n%s", r.method, r.path, diff)
		}
	}
	for _, base := range []string{real.URL, fake.URL()} {
		wrong := strings.Replace(base, ":ringbook-lab@", ":wrong@", 1)
		wrong = strings.Replace(wrong, ":secret@", ":wrong@", 1)
		if status, body := ask(t, wrong, "GET", "/channels", ""); status != 401 || cmp.Diff(shape(body), object{"message": "Authentication required"}) != "" {
			t.Errorf("wrong password: %d %v", status, body)
		}
	}
	fake.Set(func(f *pbxtest.Faults) { f.ReadOnly = true })
	status, want := ask(t, real.ViewerURL, "POST", "/applications/"+app+"/subscription?eventSource=channel:", "")
	gotStatus, got := ask(t, fake.URL(), "POST", "/applications/"+app+"/subscription?eventSource=channel:", "")
	if status != gotStatus || cmp.Diff(want, got) != "" {
		t.Errorf("read-only: the fake says %d %v, Asterisk %d %v", gotStatus, got, status, want)
	}
}

type object = map[string]any

// shape keeps a body's structure and its words, and replaces what differs from PBX to PBX.
func shape(v any) any {
	switch v := v.(type) {
	case object:
		out := object{}
		for k, value := range v {
			switch k {
			case "channelvars", "options", "date", "user": // as the PBX was built or configured
				continue
			case "version", "entity_id", "asterisk_id", "timestamp", "startup_time", "last_reload_time", "creationtime", "id", "state", "value",
				"app_name", "app_data", "priority", "kernel", "machine", "os":
				out[k] = "..."
			case "name":
				text, _ := value.(string)
				out[k], _, _ = strings.Cut(text, "-0")
			default:
				out[k] = shape(value)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, value := range v {
			out = append(out, shape(value))
		}
		return out
	}
	return v
}

func ask(t *testing.T, base, method, path, body string) (int, any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, bare(t, base)+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = auth(t, base)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if len(b) > 0 {
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return resp.StatusCode, v
}

func bare(t *testing.T, base string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.User = nil
	return u.String()
}

func auth(t *testing.T, base string) http.Header {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))}}
}
