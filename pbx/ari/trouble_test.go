package ari_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// What keeps a connection from being made is named in plain words, tried again for ever, and hammered only where
// that can help; when it is over, the stream goes live.
func TestRunNamesWhatIsWrong(t *testing.T) {
	answer := func(status int) func(*pbxtest.Faults) {
		return func(f *pbxtest.Faults) { f.Answer = func(*http.Request) int { return status } }
	}
	for name, test := range map[string]struct {
		fault  func(*pbxtest.Faults)
		reason string
		slow   bool
	}{
		"refused":                {answer(403), "forbids the ARI user even to read", true},
		"read-only user":         {func(f *pbxtest.Faults) { f.ReadOnly = true }, "the ARI user is read-only: set read_only=no", true},
		"wrong path":             {answer(404), "check the path", true},
		"not ARI":                {answer(409), "it is not ARI", true},
		"starting":               {answer(503), "not available", false},
		"broken":                 {answer(500), "not available", false},
		"keeps no subscriptions": {func(f *pbxtest.Faults) { f.Forgetful = true }, "did not keep the subscriptions", false},
		"deaf from the start":    {func(f *pbxtest.Faults) { f.Deaf = true }, "delivers no events", false},
		"wedged":                 {func(f *pbxtest.Faults) { f.Wedged = true }, "asterisk#2170", false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.fake.Set(test.fault)
				b.run()
				b.after(10 * time.Minute)
				h := b.client.Health()
				if h.Live || !strings.Contains(h.Reason, test.reason) || h.Err == "" {
					t.Errorf("health %+v, want %q", h, test.reason)
				}
				seen := b.fake.Seen()
				attempts := seen.Sockets + seen.Refused
				if test.slow && attempts > 41 {
					t.Errorf("%d attempts in ten minutes hammer on what only a person can mend", attempts)
				}
				if attempts < 10 {
					t.Errorf("%d attempts in ten minutes", attempts)
				}
				if loud := strings.Contains(b.log.String(), "level=ERROR"); loud != test.slow {
					t.Errorf("logged as an error: %t", loud)
				}
				b.fake.Set(func(f *pbxtest.Faults) { *f = pbxtest.Faults{} })
				if got := describe(b.lives(1)); got != "gap:start live" {
					t.Errorf("the stream said %s", got)
				}
			})
		})
	}
}

// A user that is refused is tried ever more seldom: five failures in ten minutes, and a guard at the PBX (fail2ban) shuts this
// machine out, the AMI with it. So it is from the start, and where the password is changed while all is well.
func TestRun_ARefusedUserIsTriedSeldom(t *testing.T) {
	for name, well := range map[string]bool{"from the start": false, "changed while live": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				var refused atomic.Int64
				refuse := func(f *pbxtest.Faults) {
					f.Answer = func(*http.Request) int {
						refused.Add(1)
						return http.StatusUnauthorized
					}
				}
				if !well {
					b.fake.Set(refuse)
				}
				b.run()
				if well {
					b.lives(1)
					b.after(15 * time.Second)
					b.fake.Set(refuse)
				}
				for range 6 {
					b.after(10 * time.Minute)
					if n := refused.Swap(0); n < 2 || n > 4 {
						t.Errorf("%d requests were refused in ten minutes", n)
					}
				}
				h := b.client.Health()
				if h.Live || !h.Refused || !strings.Contains(h.Reason, "refuses the ARI user or its password") || !strings.Contains(h.Reason, "every few minutes") {
					t.Errorf("health %+v", h)
				}
				if !strings.Contains(b.log.String(), "level=ERROR") {
					t.Error("not logged as an error")
				}
				b.fake.Set(func(f *pbxtest.Faults) { f.Answer = nil })
				b.after(5 * time.Minute)
				if h := b.client.Health(); !h.Live || h.Refused || h.Reason != "" {
					t.Errorf("let in again, health is %+v", h)
				}
			})
		})
	}
}

// The same words serve whoever makes single calls, as the doctor does.
func TestExplain(t *testing.T) {
	c, fake := rest(t, func(c *ari.Config) { c.RequestTimeout = 50 * time.Millisecond })
	for name, test := range map[string]struct {
		fault  func(*pbxtest.Faults)
		reason string
	}{
		"wrong path": {func(f *pbxtest.Faults) { f.Answer = func(*http.Request) int { return 404 } }, "check the path"},
		"password":   {func(f *pbxtest.Faults) { f.Answer = func(*http.Request) int { return 401 } }, "password"},
		"wedged":     {func(f *pbxtest.Faults) { f.Wedged = true }, "asterisk#2170"},
	} {
		fake.Set(func(f *pbxtest.Faults) { *f = pbxtest.Faults{}; test.fault(f) })
		if _, err := c.Info(t.Context()); !strings.Contains(ari.Explain(err), test.reason) {
			t.Errorf("%s: %v is explained as %q", name, err, ari.Explain(err))
		}
	}
	fake.Set(func(f *pbxtest.Faults) { *f = pbxtest.Faults{ReadOnly: true} })
	if err := c.UserEvent(t.Context(), "x", "y", nil); !strings.Contains(ari.Explain(err), "read-only") {
		t.Errorf("%v is explained as %q", err, ari.Explain(err))
	}
	if _, err := c.Application(t.Context(), "gone"); !strings.Contains(ari.Explain(err), "forgotten our application") {
		t.Errorf("%v is explained as %q", err, ari.Explain(err))
	}
}

func TestRunWithoutEventFilter(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.fake.Set(func(f *pbxtest.Faults) { f.Unfiltered = true })
		b.run()
		b.lives(1)
	})
}

// While the socket is well, tests that cannot be sent do not end it at once; readiness gets older.
func TestRunToleratesAShortRESTFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		b.fake.Set(func(f *pbxtest.Faults) { f.Answer = func(*http.Request) int { return 503 } })
		b.after(12 * time.Second)
		if h := b.client.Health(); !h.Live || h.Fresh(time.Now(), 10*time.Second) {
			t.Errorf("%+v", h)
		}
		b.fake.Set(func(f *pbxtest.Faults) { f.Answer = nil })
		b.after(3 * time.Second)
		if h := b.client.Health(); !h.Fresh(time.Now(), 3*time.Second) || b.fake.Seen().Sockets != 1 {
			t.Errorf("%+v", h)
		}
		if s := b.log.String(); strings.Count(s, "test events cannot be sent") != 1 || strings.Count(s, "test events can be sent again") != 1 {
			t.Errorf("the log tells of each test:\n%s", s)
		}
	})
}

// While the socket is well, but REST requests fail for minutes, the log tells once that the PBX does not say what it has.
func TestRunTellsOnceThatThePBXDoesNotSayWhatItHas(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		b.fake.Set(func(f *pbxtest.Faults) {
			f.Answer = func(r *http.Request) int {
				if r.Method == http.MethodGet {
					return http.StatusServiceUnavailable
				}
				return 0
			}
		})
		b.after(5 * time.Minute)
		b.fake.Set(func(f *pbxtest.Faults) { f.Answer = nil })
		b.after(time.Minute)
		if s := b.log.String(); strings.Count(s, "does not say which channels") != 1 || strings.Count(s, "says again which channels") != 1 {
			t.Errorf("the log:\n%s", s)
		}
	})
}

func TestRunWhenNothingListens(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		b.fake.Close()
		b.after(time.Minute)
		if h := b.client.Health(); h.Live || !strings.Contains(h.Reason, "nothing listens") {
			t.Errorf("%+v", h)
		}
		b.after(10 * time.Hour)
		if n := strings.Count(b.log.String(), "level=WARN"); n < 5 || n > 20 {
			t.Errorf("the log has %d warnings after ten hours", n)
		}
	})
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	for url, want := range map[string]string{
		"":                                      "begin with http",
		"asterisk:8088":                         "begin with http",
		"ws://ringbook:hush@host/ari":           "begin with http",
		"http://host:8088/ari":                  "no user",
		"http://ringbook@host:8088/ari":         "no password",
		"http://ringbook:hush@/ari":             "no host",
		"http://ringbook:hu/sh@host:8088/ari":   "percent-encoded",
		"http://ringbook:hush%zz@host:8088/ari": "percent-encoded",
		"http://ringbook:hush@host/ari?app=x":   "must end with the path",
	} {
		_, err := ari.New(ari.Config{Name: "main", URL: url})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "PBX main: ") {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "hu/sh")) {
			t.Errorf("the password is in the error: %v", err)
		}
	}
	for _, c := range []ari.Config{
		{URL: "http://a:b@host/ari"},
		{Name: "main", URL: "http://a:b@host/ari", Node: "a b"},
		{Name: "main", URL: "http://a:b@host/ari", Node: strings.Repeat("n", 41)},
		{Name: "main", URL: "https://a:b@host/ari", CAFile: "no/such/file"},
		{Name: "main", URL: "https://a:b@host/ari", CAFile: "trouble_test.go"},
	} {
		if _, err := ari.New(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	if _, err := ari.New(ari.Config{Name: "main", URL: "http://a:p%40ss%2Fword@host:8088/prefix/ari/"}); err != nil {
		t.Error(err)
	}
}
