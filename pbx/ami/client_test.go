package ami_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringbook/pbx/ami"
	"ringbook/pbx/pbxtest"
)

// runner runs a client in a synctest bubble and keeps its items.
type runner struct {
	*ami.Client
	fake *pbxtest.AMI
	log  recorded

	mu    sync.Mutex
	items []ami.Item
	block chan struct{} // while set, follow waits for it
}

// recorded is a recording that is read while it is written.
type recorded struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorded) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *recorded) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *runner) follow(item ami.Item) {
	r.mu.Lock()
	r.items = append(r.items, item)
	block := r.block
	r.mu.Unlock()
	if block != nil {
		<-block
	}
}

// said are the items in short: "live", "gap:cut", event names.
func (r *runner) said() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, item := range r.items {
		switch {
		case item.Event != nil && item.Event.Name == "FullyBooted": // follows every log-in
		case item.Live != nil:
			all = append(all, "live")
		case item.Gap != nil:
			all = append(all, "gap:"+string(item.Gap.Reason))
		default:
			all = append(all, item.Event.Name)
		}
	}
	return all
}

func (r *runner) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := r.said(); !slices.Equal(got, want) {
		t.Errorf("the client said\n%v\nnot\n%v", got, want)
	}
}

// start runs a client against a fake manager until the test's bubble ends.
func start(t *testing.T, config pbxtest.AMIConfig, change func(*ami.Config)) *runner {
	t.Helper()
	r := &runner{fake: pbxtest.NewAMI(config)}
	c := ami.Config{
		Name: "main", URL: r.fake.URL(), DialContext: r.fake.Dial,
		Log: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&c)
	}
	var err error
	if r.Client, err = ami.New(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx, r.follow) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		r.fake.Close()
	})
	synctest.Wait()
	return r
}

// pass lets d of the bubble's time pass, and what happens at its very end.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func pause(iface string) ami.Action {
	return ami.Action{Name: "QueuePause", Fields: []ami.Field{{Key: "Interface", Value: iface}, {Key: "Paused", Value: "true"}}}
}

func TestClient_LogsInByChallengeAndKnowsItsRights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var recording recorded
		r := start(t, pbxtest.AMIConfig{Password: "pass word"}, func(c *ami.Config) { c.Record = &recording })
		r.expect(t, "gap:start", "live")
		h := r.Health()
		if !h.Live || h.Version != "22.10.1~fake" || h.Protocol != "11.0.0" || h.Reason != "" || h.Refused {
			t.Errorf("health is %+v", h)
		}
		if !h.Rights.Can("queuepause") || h.Rights.Can("Originate") {
			t.Errorf("rights are %+v", h.Rights)
		}
		if text := recording.String(); strings.Contains(text, "pass word") || !strings.Contains(text, `"agent,system"`) || !strings.Contains(text, `["Key","-"]`) {
			t.Errorf("it was recorded: %s", text)
		}
		// Pings go on for ever, and are answered.
		pass(time.Hour)
		if h := r.Health(); !h.Live || time.Since(h.LastPing) > 10*time.Second {
			t.Errorf("after an hour health is %+v", h)
		}
		r.fake.Emit(ami.Event{Name: "Reload"})
		r.expect(t, "gap:start", "live", "Reload")
	})
}

func TestClient_WrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, func(c *ami.Config) { c.URL = strings.Replace(c.URL, ":secret@", ":wrongword@", 1) })
		// Five times in ten minutes, and a guard at the PBX shuts this machine out.
		for last := 0; last < 20; {
			pass(10 * time.Minute)
			_, refused := r.fake.Logins()
			if n := refused - last; n < 2 || n > 4 {
				t.Errorf("it tried %d times in ten minutes", n)
			}
			last = refused
		}
		r.expect(t, "gap:start")
		h := r.Health()
		if h.Live || !h.Refused || !strings.Contains(h.Reason, "refuses the AMI user") || !strings.Contains(h.Reason, "every few minutes") {
			t.Errorf("health is %+v", h)
		}
		if _, err := r.Do(t.Context(), ami.Action{Name: "Ping"}); !errors.Is(err, ami.ErrDown) || !strings.Contains(err.Error(), "refuses") {
			t.Errorf("Do says %v", err)
		}
		if log := r.log.String(); !strings.Contains(log, "level=ERROR") || strings.Contains(log, "wrongword") || strings.Contains(h.Err, "wrongword") {
			t.Errorf("the log is %s", log)
		}
	})
}

// Refused for a while: it comes back by itself when somebody has mended it.
func TestClient_ComesBackWhenLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, nil)
		r.fake.Set(pbxtest.AMIFaults{Refuse: "Login Already In Use"}) // no wrong password, so it is tried more often
		r.fake.Cut()
		pass(time.Minute)
		if h := r.Health(); h.Live || !strings.Contains(h.Reason, "Login Already In Use") {
			t.Errorf("health is %+v", h)
		}
		r.fake.Set(pbxtest.AMIFaults{})
		pass(31 * time.Second)
		r.expect(t, "gap:start", "live", "gap:disconnected", "live")
	})
}

func TestClient_NoChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var recording recorded
		r := start(t, pbxtest.AMIConfig{}, func(c *ami.Config) {
			c.Record = &recording
			c.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("not yet") }
		})
		r.fake.Set(pbxtest.AMIFaults{Challenge: "Must specify AuthType"})
		r.expect(t, "gap:start")
		other, err := ami.New(ami.Config{Name: "b", URL: r.fake.URL(), DialContext: r.fake.Dial, Record: &recording, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := other.Run(ctx, func(ami.Item) {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if strings.Contains(recording.String(), "Secret") {
			t.Errorf("the password was sent over plain TCP: %s", recording.String())
		}
	})
}

func TestDo_AnswersOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, nil)
		r.fake.Answer("Getvar", func(a ami.Action) string {
			return "Response: Success\r\nVariable: x\r\nValue: " + a.Fields[0].Value + "\r\n"
		})
		r.fake.AddQueue("support", "ringall", "PJSIP/1001", "PJSIP/1002")
		r.fake.Set(pbxtest.AMIFaults{Reverse: 6})
		var work sync.WaitGroup
		for i := range 5 {
			work.Go(func() {
				want := fmt.Sprint("value ", i)
				answer, err := r.Do(t.Context(), ami.Action{Name: "Getvar", Fields: []ami.Field{{Key: "Variable", Value: want}}})
				if err != nil || answer.Get("value") != want {
					t.Errorf("%s was answered %+v, %v", want, answer, err)
				}
			})
		}
		work.Go(func() {
			answer, err := r.Do(t.Context(), ami.Action{Name: "QueueStatus"})
			if err != nil || len(answer.Events) != 3 || answer.Events[2].Get("Location") != "PJSIP/1002" {
				t.Errorf("the queues are %+v, %v", answer, err)
			}
		})
		work.Wait()
		if h := r.Health(); !h.Live {
			t.Errorf("health is %+v", h)
		}
	})
}

func TestClient_HalfAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, nil)
		r.fake.Set(pbxtest.AMIFaults{HalfEvent: true})
		r.fake.Emit(ami.Event{Name: "QueueMemberPause", Fields: []ami.Field{{Key: "Queue", Value: "support"}, {Key: "Paused", Value: "1"}}})
		pass(time.Second)
		r.expect(t, "gap:start", "live", "gap:disconnected", "live")
	})
}

func TestDo_HalfAList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, nil)
		r.fake.AddQueue("support", "ringall", "PJSIP/1001", "PJSIP/1002")
		r.fake.Set(pbxtest.AMIFaults{HalfList: true})
		began := time.Now()
		answer, err := r.Do(t.Context(), ami.Action{Name: "QueueStatus"})
		if !errors.Is(err, ami.ErrDown) || len(answer.Events) != 0 || time.Since(began) > time.Second {
			t.Errorf("half a list is %+v, %v after %v", answer, err, time.Since(began))
		}
	})
}

func TestClient_Cut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, nil)
		for range 3 {
			r.fake.Cut()
			pass(6 * time.Second)
		}
		r.expect(t, "gap:start", "live", "gap:disconnected", "live", "gap:disconnected", "live", "gap:disconnected", "live")
	})
}

func TestClient_Silent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, nil)
		r.fake.Set(pbxtest.AMIFaults{Silent: true})
		began := time.Now()
		if _, err := r.Do(t.Context(), pause("PJSIP/1001")); !errors.Is(err, ami.ErrDown) || time.Since(began) > 10*time.Second {
			t.Errorf("Do says %v after %v", err, time.Since(began))
		}
		pass(10 * time.Second)
		r.expect(t, "gap:start", "live", "gap:silent")
		if h := r.Health(); h.Live || h.Reason == "" {
			t.Errorf("health is %+v", h)
		}
		r.fake.Set(pbxtest.AMIFaults{})
		pass(40 * time.Second) // the connection under way is given up, and the next is good
		r.expect(t, "gap:start", "live", "gap:silent", "live")
	})
}

func TestDo_Denied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{Write: "-"}, nil)
		r.fake.AddQueue("support", "ringall", "PJSIP/1001")
		h := r.Health()
		if !h.Live || h.Version != "" || h.Rights.Can("QueuePause") || !h.Rights.Can("QueueStatus") {
			t.Errorf("health is %+v", h)
		}
		for action, right := range map[string]string{"QueuePause": "agent", "Redirect": "call", "PJSIPNotify": "system", "MixMonitorMute": "system or call"} {
			_, err := r.Do(t.Context(), ami.Action{Name: action})
			denied := (*ami.Error)(nil)
			if !errors.Is(err, ami.ErrDenied) || !errors.As(err, &denied) || denied.Right != right {
				t.Errorf("%s: %v", action, err)
			}
			if !strings.Contains(ami.Explain(err), "add "+right+" ") {
				t.Errorf("%s is explained as %q", action, ami.Explain(err))
			}
		}
		if _, err := r.Do(t.Context(), ami.Action{Name: "QueueStatus"}); err != nil {
			t.Error(err)
		}
	})
}

func TestClient_RightsOfAPBXThatStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, nil)
		r.fake.Set(pbxtest.AMIFaults{Booting: true})
		r.fake.Cut()
		pass(time.Second)
		if h := r.Health(); !h.Live || h.Rights.Can("QueuePause") || !h.Rights.Can("Redirect") {
			t.Fatalf("before the modules are loaded health is %+v", h)
		}
		r.fake.Set(pbxtest.AMIFaults{})
		pass(6 * time.Second)
		if h := r.Health(); !h.Live || !h.Rights.Can("QueuePause") {
			t.Errorf("once they are loaded health is %+v", h)
		}
	})
}

func TestDo_WhatThePBXRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, nil)
		if _, err := r.Do(t.Context(), pause("PJSIP/9999")); !errors.Is(err, ami.ErrNotFound) || !strings.Contains(err.Error(), "Interface not found") {
			t.Error(err)
		}
		if _, err := r.Do(t.Context(), ami.Action{Name: "Nonsense"}); !errors.Is(err, ami.ErrUnknown) {
			t.Error(err)
		}
		r.fake.Answer("Redirect", func(ami.Action) string { return "Response: Error\r\nMessage: Channel does not exist: PJSIP/x\r\n" })
		if _, err := r.Do(t.Context(), ami.Action{Name: "Redirect"}); !errors.Is(err, ami.ErrNotFound) {
			t.Error(err)
		}
	})
}

// Values that would begin an action of their own are never sent.
func TestDo_Injection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, nil)
		before := len(r.fake.Actions())
		for _, bad := range []ami.Action{
			{Name: "Ping\r\n\r\nAction: Originate"},
			{Name: ""},
			{Name: "Setvar", Fields: []ami.Field{{Key: "Value", Value: "a\r\n\r\nAction: Originate\r\nChannel: Local/1"}}},
			{Name: "Setvar", Fields: []ami.Field{{Key: "Value", Value: "a\nB: c"}}},
			{Name: "Setvar", Fields: []ami.Field{{Key: "Value", Value: "a\x00b"}}},
			{Name: "Setvar", Fields: []ami.Field{{Key: "Value: x\r\nAction", Value: "b"}}},
			{Name: "Setvar", Fields: []ami.Field{{Key: "Action", Value: "Originate"}}},
			{Name: "Setvar", Fields: []ami.Field{{Key: "actionid", Value: "1"}}},
			{Name: "Setvar", Fields: []ami.Field{{Key: "Value", Value: strings.Repeat("x", 2000)}}},
			{Name: "Setvar", Fields: slices.Repeat([]ami.Field{{Key: "Variable", Value: "x"}}, 200)},
		} {
			if _, err := r.Do(t.Context(), bad); !errors.Is(err, ami.ErrInvalid) || strings.Contains(err.Error(), "Originate\r") {
				t.Errorf("%.40q: %v", bad, err)
			}
		}
		synctest.Wait()
		if n := len(r.fake.Actions()); n != before || !r.Health().Live {
			t.Errorf("%d actions were sent; %+v", n-before, r.Health())
		}
	})
}

// An answer that comes too late goes to nobody, not even to the next.
func TestDo_LateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, func(c *ami.Config) { c.ActionTimeout, c.Ping = time.Second, time.Hour; c.PingTimeout = time.Hour })
		r.fake.AddQueue("support", "ringall", "PJSIP/1001")
		r.fake.Set(pbxtest.AMIFaults{Reverse: 2})
		if _, err := r.Do(t.Context(), ami.Action{Name: "QueueStatus"}); !errors.Is(err, ami.ErrDown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		answer, err := r.Do(t.Context(), ami.Action{Name: "Ping"})
		if err != nil || answer.Get("Ping") != "Pong" || len(answer.Events) != 0 {
			t.Errorf("%+v, %v", answer, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Do(ctx, ami.Action{Name: "Ping"}); !errors.Is(err, context.Canceled) || !errors.Is(err, ami.ErrDown) {
			t.Error(err)
		}
		r.expect(t, "gap:start", "live")
	})
}

func TestClient_TooManyEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, func(c *ami.Config) { c.Ring = 10 })
		release := make(chan struct{})
		r.mu.Lock()
		r.block = release
		r.mu.Unlock()
		for range 30 {
			r.fake.Emit(ami.Event{Name: "QueueMemberStatus"})
		}
		synctest.Wait()
		r.mu.Lock()
		r.block = nil
		r.mu.Unlock()
		close(release)
		pass(time.Second)
		got := r.said()
		if n := len(got); n < 3 || n > 14 || !slices.Equal(got[n-2:], []string{"gap:overflow", "live"}) {
			t.Errorf("the client said %v", got)
		}
	})
}

// What is not AMI, or goes on for ever, ends the connection and not the program.
func TestClient_Nonsense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, pbxtest.AMIConfig{}, nil)
		r.fake.SendRaw("just words\r\n\r\n: : :\r\n\r\n\r\n\r\nResponse: Success\r\nActionID: of another\r\n\r\nEvent:\r\n\r\n")
		r.fake.SendRaw("Event: Reload\r\nLong: " + strings.Repeat("x", 1<<20) + "\r\nModule: app_queue.so\r\n\r\n")
		r.expect(t, "gap:start", "live", "Reload")
		r.mu.Lock()
		e := r.items[len(r.items)-1].Event
		r.mu.Unlock()
		if len(e.Get("Long")) > 1<<16 || e.Get("Module") != "app_queue.so" {
			t.Errorf("a long line became %d bytes, and after it %q", len(e.Get("Long")), e.Get("Module"))
		}
		r.fake.SendRaw("Event: Endless\r\n" + strings.Repeat("Key: "+strings.Repeat("y", 60_000)+"\r\n", 80))
		pass(time.Second)
		r.expect(t, "gap:start", "live", "Reload", "gap:disconnected", "live")

		r.fake.Set(pbxtest.AMIFaults{Banner: "SSH-2.0-OpenSSH_9.2p1\r\n"})
		r.fake.Cut()
		pass(time.Minute)
		if h := r.Health(); h.Live || !strings.Contains(h.Reason, "not AMI") {
			t.Errorf("health is %+v", h)
		}
	})
}

func TestClient_TLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fake := pbxtest.NewAMI(pbxtest.AMIConfig{})
	fake.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))
	defer fake.Close()
	url := strings.Replace(fake.URL(), "tcp://", "tls://", 1)

	run := func(config ami.Config) (*ami.Client, chan ami.Item) {
		config.Name, config.Log = "main", slog.New(slog.DiscardHandler)
		c, err := ami.New(config)
		if err != nil {
			t.Fatal(err)
		}
		items := make(chan ami.Item, 100)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = c.Run(ctx, func(i ami.Item) {
				if i.Event == nil {
					items <- i
				}
			})
		}()
		t.Cleanup(func() { cancel(); <-done })
		<-items // the first gap
		return c, items
	}
	trusted, items := run(ami.Config{URL: url, CAFile: ca})
	if item := <-items; item.Live == nil {
		t.Errorf("the first item is %+v", item)
	}
	// Without a challenge, TLS is good enough for the password itself.
	fake.Set(pbxtest.AMIFaults{Challenge: "no"})
	fake.Cut()
	if item := <-items; item.Gap == nil {
		t.Errorf("then came %+v", item)
	}
	if item := <-items; item.Live == nil || !trusted.Health().Live {
		t.Errorf("at last came %+v", item)
	}
	stranger, _ := run(ami.Config{URL: url})
	for !strings.Contains(stranger.Health().Reason, "signed by nobody we trust") {
		select {
		case <-t.Context().Done():
			t.Fatalf("health is %+v", stranger.Health())
		case <-time.After(time.Millisecond):
		}
	}
}

func TestNew_ChecksTheAddress(t *testing.T) {
	for address, want := range map[string]string{
		"http://a:pass-word@h:5038":          "tcp:// or tls://",
		"tcp://h:5038":                       "no user and password",
		"tcp://a@h:5038":                     "no user and password",
		"tcp://a:pass-word@:5038":            "no host",
		"tcp://a:pass-word@h:5038/ari":       "end with the port",
		"tcp://a:pass-word@h:50x38":          "cannot be read",
		"tcp://a:pass-word%0d%0aAction@h":    "control character",
		"tcp://a:pass-word@h:5038?x=y":       "end with the port",
		"tcp://a:pass-word@h:5038#pass-word": "end with the port",
	} {
		_, err := ami.New(ami.Config{Name: "main", URL: address})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pass-word") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := ami.New(ami.Config{Name: "main", URL: "tls://a:b@h", CAFile: filepath.Join(t.TempDir(), "none.pem")}); err == nil {
		t.Error("a certificate that is not there is trusted")
	}
}
