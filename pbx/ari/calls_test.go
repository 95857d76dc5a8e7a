package ari_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// rest is a client of a fake PBX that holds the calls of testdata/local.jsonl.
func rest(t *testing.T, change ...func(*ari.Config)) (*ari.Client, *pbxtest.Fake) {
	t.Helper()
	fake := pbxtest.NewFake(pbxtest.FakeConfig{Endpoints: []string{"PJSIP/1001"}})
	t.Cleanup(fake.Close)
	if err := fake.Play(t.Context(), midCall(t), pbxtest.PlayOptions{Speed: 1000, Keep: true}); err != nil {
		t.Fatal(err)
	}
	config := ari.Config{Name: "test", URL: fake.URL(), DialContext: fake.Dial, Log: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&config)
	}
	c, err := ari.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, fake
}

func TestCalls(t *testing.T) {
	c, _ := rest(t)
	ctx := t.Context()
	info, err := c.Info(ctx)
	if err != nil || info.Version != "22.10.1~fake" || info.EntityID == "" || info.Started.IsZero() {
		t.Errorf("info: %+v, %v", info, err)
	}
	if clock, err := c.Clock(ctx); err != nil || time.Since(clock).Abs() > time.Minute {
		t.Errorf("clock: %s, %v", clock, err)
	}
	channels, err := c.Channels(ctx)
	if err != nil || len(channels) == 0 {
		t.Fatalf("channels: %v, %v", channels, err)
	}
	ch, err := c.Channel(ctx, channels[0].ID)
	if err != nil || ch.Name != channels[0].Name || !ch.CreationTime.Equal(channels[0].CreationTime) || ch.CreationTime.IsZero() {
		t.Errorf("channel: %+v, %v", ch, err)
	}
	if v, err := c.Variable(ctx, ch.ID, "CHANNEL(linkedid)"); err != nil || v != ch.ID {
		t.Errorf("variable: %q, %v", v, err)
	}
	bridges, err := c.Bridges(ctx)
	if err != nil || len(bridges) != 1 || len(bridges[0].Channels) == 0 || bridges[0].CreationTime.IsZero() {
		t.Errorf("bridges: %+v, %v", bridges, err)
	}
	endpoints, err := c.Endpoints(ctx)
	if err != nil || len(endpoints) != 1 || endpoints[0].Resource != "1001" {
		t.Errorf("endpoints: %+v, %v", endpoints, err)
	}
	if state, err := c.DeviceState(ctx, "PJSIP/1001"); err != nil || state != "NOT_INUSE" {
		t.Errorf("device state: %q, %v", state, err)
	}
	placed, err := c.Originate(ctx, ari.Originate{Endpoint: "PJSIP/1001", ID: "one/ two?;1", Extension: "1002", Context: "internal", Timeout: 1500 * time.Millisecond, CallerID: "1002"})
	if err != nil || placed.ID != "one/ two?;1" || placed.CreationTime.IsZero() {
		t.Errorf("originate: %+v, %v", placed, err)
	}
	if ch, err := c.Channel(ctx, "one/ two?;1"); err != nil || ch.ID != placed.ID {
		t.Errorf("an id that needs escaping: %+v, %v", ch, err)
	}
	snoop, err := c.Snoop(ctx, placed.ID, ari.Snoop{ID: "s1", App: "x", Spy: "both", Whisper: "out"})
	if err != nil || snoop.ID != "s1" || !strings.HasPrefix(snoop.Name, "Snoop/") {
		t.Errorf("snoop: %+v, %v", snoop, err)
	}
	if err := c.Hangup(ctx, placed.ID, "busy"); err != nil {
		t.Errorf("hang up: %v", err)
	}
	if err := c.Hangup(ctx, placed.ID, ""); !errors.Is(err, ari.ErrNotFound) {
		t.Errorf("hang up again: %v", err)
	}
}

func TestErrors(t *testing.T) {
	c, fake := rest(t)
	ctx := t.Context()
	sentinels := map[string]error{
		"NotFound": ari.ErrNotFound, "Conflict": ari.ErrConflict, "NotInStasis": ari.ErrNotInStasis,
		"Unauthorized": ari.ErrUnauthorized, "Forbidden": ari.ErrForbidden, "Unavailable": ari.ErrUnavailable,
	}
	is := func(err error) (names string) {
		for _, name := range []string{"NotFound", "Conflict", "NotInStasis", "Unauthorized", "Forbidden", "Unavailable"} {
			if errors.Is(err, sentinels[name]) {
				names += name + " "
			}
		}
		return strings.TrimSpace(names)
	}
	for status, want := range map[int]string{
		400: "", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict NotInStasis", 412: "", 500: "Unavailable", 503: "Unavailable",
	} {
		fake.Set(func(f *pbxtest.Faults) { f.Answer = func(*http.Request) int { return status } })
		_, err := c.Channel(ctx, "17.4")
		var e *ari.Error
		if !errors.As(err, &e) || e.Status != status || e.Message == "" || e.Op != "GET /channels/17.4" || is(err) != want {
			t.Errorf("%d: %v, which is %q, want %q", status, err, is(err), want)
		}
	}
	fake.Set(func(f *pbxtest.Faults) { f.Answer = nil })

	// An id that exists is a conflict, but not one about Stasis.
	o := ari.Originate{Endpoint: "PJSIP/1001", ID: "twice", App: "x"}
	if _, err := c.Originate(ctx, o); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Originate(ctx, o); is(err) != "Conflict" {
		t.Errorf("the same id again: %v", err)
	}
	if _, err := c.Originate(ctx, ari.Originate{}); err == nil || is(err) != "" {
		t.Errorf("no endpoint: %v", err)
	}
	if _, err := c.Variable(ctx, "twice", "RINGBOOK_CUSTOMER"); is(err) != "NotFound" {
		t.Errorf("a variable that is not set: %v", err)
	}
	for _, app := range []string{"none"} {
		if _, err := c.Application(ctx, app); is(err) != "NotFound" {
			t.Errorf("application: %v", err)
		}
		if err := c.Subscribe(ctx, app, "channel:"); is(err) != "NotFound" {
			t.Errorf("subscribe: %v", err)
		}
		if err := c.UserEvent(ctx, app, "x", map[string]string{"a": "b"}); is(err) != "NotFound" {
			t.Errorf("user event: %v", err)
		}
	}

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Channels(cancelled); !errors.Is(err, context.Canceled) || is(err) != "" {
		t.Errorf("cancelled: %v is %q", err, is(err))
	}
	fake.Close()
	if _, err := c.Channels(ctx); is(err) != "Unavailable" {
		t.Errorf("nothing listens: %v", err)
	}
}

// The status of a failure is what counts, whatever its body is; secrets and queries stay out of errors.
func TestErrorsOfOddAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		status int
		words  string
	}{
		"HTML": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			io.WriteString(w, "<html>bad gateway</html>")
		}, 502, "502 Bad Gateway"},
		"list": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `[1,2]`)
		}, 404, "404"},
		"error field": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, `{"error":"Allocation failed"}`)
		}, 500, "Allocation failed"},
		"long message": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"message":%q}`, strings.Repeat("x", 5000))
		}, 400, "xxx..."},
		"not JSON": {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>hello</html>") }, 200, "read the answer"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
		}, 302, "302"},
		"truncated": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		}, 0, "EOF"},
		"wrong type":      {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `[]`) }, 200, "read the answer"},
		"connection gone": {func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, 0, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			c, err := ari.New(ari.Config{Name: "x", URL: "http://ringbook:hush@" + server.Listener.Addr().String() + "/ari"})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.Originate(t.Context(), ari.Originate{Endpoint: "PJSIP/09121234567", App: "x"})
			var e *ari.Error
			if !errors.As(err, &e) || e.Status != test.status || !strings.Contains(err.Error(), test.words) {
				t.Fatalf("%v (%d), want %d and %q", err, e.Status, test.status, test.words)
			}
			if len(err.Error()) > 400 || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "0912") {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

func TestCallsTimeOut(t *testing.T) {
	c, fake := rest(t, func(c *ari.Config) { c.RequestTimeout = 20 * time.Millisecond })
	fake.Set(func(f *pbxtest.Faults) { f.Wedged = true })
	if _, err := c.Applications(t.Context()); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ari.ErrUnavailable) {
		t.Errorf("a wedged PBX: %v", err)
	}
}

func TestTLS(t *testing.T) {
	fake := pbxtest.NewFake(pbxtest.FakeConfig{})
	defer fake.Close()
	secure := httptest.NewUnstartedServer(fake)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(fake)
	defer plain.Close()
	_, port, _ := net.SplitHostPort(secure.Listener.Addr().String())

	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := x509.ParseCertificate(secure.Certificate().Raw); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		host   string
		change func(*ari.Config)
		reason string // empty: live
	}{
		"unknown authority":  {secure.Listener.Addr().String(), func(*ari.Config) {}, "signed by nobody we trust"},
		"trusted":            {secure.Listener.Addr().String(), func(c *ari.Config) { c.CAFile = ca }, ""},
		"not checked":        {secure.Listener.Addr().String(), func(c *ari.Config) { c.InsecureTLS = true }, ""},
		"other host":         {"localhost:" + port, func(c *ari.Config) { c.CAFile = ca }, "another host name"},
		"no TLS at all":      {plain.Listener.Addr().String(), func(*ari.Config) {}, "does not speak TLS"},
		"nothing there":      {"127.0.0.1:1", func(*ari.Config) {}, "nothing listens"},
		"unknown host name":  {"asterisk.invalid:8089", func(*ari.Config) {}, "host name cannot be resolved"},
		"not ARI, not HTTP:": {silent(t), func(c *ari.Config) { c.RequestTimeout = 50 * time.Millisecond }, "does not answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			config := ari.Config{Name: "x", URL: "https://ringbook:secret@" + test.host + "/ari", Log: slog.New(slog.DiscardHandler)}
			test.change(&config)
			c, err := ari.New(config)
			if err != nil {
				t.Fatal(err)
			}
			f := newFollower(t)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- c.Run(ctx, f.follow) }()
			if test.reason == "" {
				f.lives(1)
			} else {
				for h := c.Health(); h.Err == ""; h = c.Health() {
					select {
					case <-t.Context().Done():
						t.Fatal("nothing happened")
					case <-time.After(time.Millisecond):
					}
				}
				if h := c.Health(); !strings.Contains(h.Reason, test.reason) {
					t.Errorf("%+v, want %q", h, test.reason)
				}
			}
			cancel()
			<-done
		})
	}
}

// silent is the address of something that accepts connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
