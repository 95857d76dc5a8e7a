package pbx_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/ami"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// withManager runs a test with an exchange that follows a fake PBX and a fake manager with these rights, on a clock of its own.
func withManager(t *testing.T, rights string, test func(t *testing.T, fake *pbxtest.Fake, manager *pbxtest.AMI, x *pbx.Exchange)) {
	synctest.Test(t, func(t *testing.T) {
		fake := pbxtest.NewFake(pbxtest.FakeConfig{Endpoints: []string{"PJSIP/1001", "PJSIP/991001", "PJSIP/trunk"}})
		defer fake.Close()
		manager := pbxtest.NewAMI(pbxtest.AMIConfig{Write: rights})
		defer manager.Close()
		log := slog.New(slog.DiscardHandler)
		stream, err := ari.New(ari.Config{Name: "lab", URL: fake.URL(), Log: log, DialContext: fake.Dial})
		if err != nil {
			t.Fatal(err)
		}
		actions, err := ami.New(ami.Config{Name: "lab", URL: manager.URL(), Log: log, DialContext: manager.Dial})
		if err != nil {
			t.Fatal(err)
		}
		x := pbx.NewExchange(stream, labConfig, log)
		x.UseAMI(actions)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- x.Run(ctx, func(context.Context, pbx.Call) {}) }()
		for health, _ := x.AMI(); !x.Health().Live || !health.Live; health, _ = x.AMI() {
			time.Sleep(10 * time.Millisecond) // of the bubble's clock
		}
		test(t, fake, manager, x)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
}

// conversation is a call in which an agent talks.
func conversation() (*pbx.Call, *pbx.Leg) {
	now := time.Now()
	c := &pbx.Call{ID: uuid.New(), PBX: "lab", State: pbx.StateTalking, StartedAt: now, AnsweredAt: now, Legs: []pbx.Leg{
		{ID: "1.0", Channel: "PJSIP/trunk-00000000", Role: pbx.RoleCustomer, OfferedAt: now, AnsweredAt: now},
		{ID: "1.1", Channel: "PJSIP/1001-00000001", Role: pbx.RoleAgent, Extension: "1001", OfferedAt: now, AnsweredAt: now},
	}}
	return c, &c.Legs[1]
}

// all is the same answer to everything that needs AMI.
func all(code, consult pbx.Code) pbx.Abilities {
	return pbx.Abilities{Hold: code, Blind: code, Attended: code, Complete: consult, Cancel: consult}
}

// What an agent can do is known beforehand, and why not.
func TestExchange_Abilities(t *testing.T) {
	withFake(t, func(t *testing.T, _ *pbxtest.Fake, x *pbx.Exchange, _ *follower) {
		c, l := conversation()
		wantAbilities(t, x.Abilities(c, l), all(pbx.AMINeeded, pbx.NotConsulting))
		if err := x.BlindTransfer(t.Context(), c, l, "internal", "1002"); pbx.Refused(err) != pbx.AMINeeded {
			t.Errorf("transferred without AMI: %v", err)
		}
	})
	withManager(t, "agent,reporting", func(t *testing.T, _ *pbxtest.Fake, _ *pbxtest.AMI, x *pbx.Exchange) {
		c, l := conversation()
		wantAbilities(t, x.Abilities(c, l), all(pbx.AMIDenied, pbx.NotConsulting))
	})
	withManager(t, "", func(t *testing.T, fake *pbxtest.Fake, manager *pbxtest.AMI, x *pbx.Exchange) {
		c, l := conversation()
		wantAbilities(t, x.Abilities(c, l), whileTalking)
		l.Asks = true
		wantAbilities(t, x.Abilities(c, l), whileConsulting)
		l.Asks, l.AnsweredAt = false, time.Time{}
		wantAbilities(t, x.Abilities(c, l), all(pbx.NotTalking, pbx.NotConsulting))

		c, l = conversation()
		manager.Set(pbxtest.AMIFaults{Refuse: "Authentication failed"})
		manager.Cut()
		synctest.Wait()
		wantAbilities(t, x.Abilities(c, l), all(pbx.AMIAway, pbx.NotConsulting))
		if err := x.BlindTransfer(t.Context(), c, l, "internal", "1002"); pbx.Refused(err) != pbx.AMIAway {
			t.Errorf("transferred while AMI is away: %v", err)
		}
		l.EndedAt = time.Now()
		everything := pbx.CallEnded
		wantAbilities(t, x.Abilities(c, l), pbx.Abilities{
			HangUp: everything, Hold: everything, Blind: everything, Attended: everything, Complete: everything, Cancel: everything,
		})
	})
}

// What the manager says no to, or says nothing about, is a clear answer.
func TestExchange_TheManagerRefuses(t *testing.T) {
	withManager(t, "", func(t *testing.T, _ *pbxtest.Fake, manager *pbxtest.AMI, x *pbx.Exchange) {
		c, l := conversation()
		for message, code := range map[string]pbx.Code{
			"Channel specified does not exist": pbx.CallEnded,
			"No such channel":                  pbx.CallEnded,
			"Permission denied":                pbx.AMIDenied,
			"Transfer failed":                  pbx.TransferFailed,
			"Transfer not permitted":           pbx.TransferFailed,
		} {
			manager.Answer("BlindTransfer", func(ami.Action) string { return "Response: Error\r\nMessage: " + message + "\r\n" })
			if err := x.BlindTransfer(t.Context(), c, l, "internal", "1002"); pbx.Refused(err) != code {
				t.Errorf("%q: %v, want %s", message, err, code)
			}
		}
		// The exchange takes the digits, and nothing happens: this agent's calls may not be transferred.
		manager.Answer("Atxfer", func(ami.Action) string { return "Response: Success\r\nMessage: done\r\n" })
		if err := x.AttendedTransfer(t.Context(), c, l, "internal", "1002"); pbx.Refused(err) != pbx.TransferFailed {
			t.Errorf("nothing happens: %v", err)
		}
		manager.Answer("PJSIPNotify", func(ami.Action) string { return "Response: Success\r\nMessage: done\r\n" })
		if err := x.Hold(t.Context(), c, l, true); pbx.Refused(err) != pbx.Disobeyed {
			t.Errorf("the phone does nothing: %v", err)
		}
		// A line end would begin an action of its own.
		if err := x.BlindTransfer(t.Context(), c, l, "internal", "1002\r\nAction: Logoff"); err == nil {
			t.Error("a line end was sent")
		}
	})
}

// What was asked of the manager, and not answered, may have been done: nobody is told that it was not.
func TestExchange_TheManagerDoesNotAnswer(t *testing.T) {
	for name, act := range map[string]func(context.Context, *pbx.Exchange, *pbx.Call, *pbx.Leg) error{
		"blind": func(ctx context.Context, x *pbx.Exchange, c *pbx.Call, l *pbx.Leg) error {
			return x.BlindTransfer(ctx, c, l, "internal", "1002")
		},
		"attended": func(ctx context.Context, x *pbx.Exchange, c *pbx.Call, l *pbx.Leg) error {
			return x.AttendedTransfer(ctx, c, l, "internal", "1002")
		},
		"cancel": func(ctx context.Context, x *pbx.Exchange, c *pbx.Call, l *pbx.Leg) error {
			return x.CancelTransfer(ctx, c, l)
		},
		"hold": func(ctx context.Context, x *pbx.Exchange, c *pbx.Call, l *pbx.Leg) error {
			return x.Hold(ctx, c, l, true)
		},
	} {
		withManager(t, "", func(t *testing.T, _ *pbxtest.Fake, manager *pbxtest.AMI, x *pbx.Exchange) {
			c, l := conversation()
			manager.Set(pbxtest.AMIFaults{Silent: true})
			if err := act(t.Context(), x, c, l); pbx.Refused(err) != pbx.PerhapsDone {
				t.Errorf("%s, not answered: %v", name, err)
			}
			manager.Cut()
			synctest.Wait()
			if err := act(t.Context(), x, c, l); pbx.Refused(err) != pbx.AMIAway {
				t.Errorf("%s, never asked: %v", name, err)
			}
		})
	}
}

// Which phone rings, and what is in the way.
func TestExchange_CanDial(t *testing.T) {
	withManager(t, "", func(t *testing.T, fake *pbxtest.Fake, _ *pbxtest.AMI, x *pbx.Exchange) {
		pass(time.Second)
		for extension, code := range map[string]pbx.Code{"1001": "", "1002": pbx.NoPhone} {
			if got := x.CanDial(extension); got != code {
				t.Errorf("%s: %q, want %q", extension, got, code)
			}
		}
		fake.Set(func(f *pbxtest.Faults) { f.Offline = []string{"PJSIP/1001"} })
		if err := fake.Emit(`{"type":"PeerStatusChange","endpoint":{"technology":"PJSIP","resource":"1001","state":"offline","channel_ids":[]},"peer":{"peer_status":"Unreachable"}}`); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if got := x.CanDial("1001"); got != pbx.PhoneOffline {
			t.Errorf("a phone that is off: %q", got)
		}
		if _, err := x.Dial(t.Context(), pbx.DialRequest{ID: uuid.New(), Extension: "1001", Number: "1002", Context: "internal"}); pbx.Refused(err) != pbx.PhoneOffline {
			t.Errorf("dialled from a phone that is off: %v", err)
		}
		fake.Set(func(f *pbxtest.Faults) { f.Answer = func(*http.Request) int { return http.StatusServiceUnavailable } })
		fake.Cut(pbxtest.CutReset)
		pass(time.Second)
		if got := x.CanDial("1001"); got != pbx.PBXAway {
			t.Errorf("an exchange that is away: %q", got)
		}
	})
}

// A call that was placed after all, while nothing can be asked of the PBX, is hung up as soon as that can be asked.
func TestExchange_Dial_WhatCannotBeHungUpYet(t *testing.T) {
	withManager(t, "", func(t *testing.T, fake *pbxtest.Fake, _ *pbxtest.AMI, x *pbx.Exchange) {
		of := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/channels") }
		var placed atomic.Bool
		fake.Set(func(f *pbxtest.Faults) {
			f.Answer = func(r *http.Request) int {
				if of(r) && placed.Load() {
					return http.StatusServiceUnavailable
				}
				return 0
			}
			f.Lost = func(r *http.Request) bool { return of(r) && r.Method == http.MethodPost && !placed.Swap(true) }
		})
		if _, err := x.Dial(t.Context(), pbx.DialRequest{ID: uuid.New(), Extension: "1001", Number: "1002", Context: "internal"}); pbx.Refused(err) != pbx.PBXAway {
			t.Fatalf("dialled: %v", err)
		}
		pass(10 * time.Second)
		if n, _ := fake.Live(); n != 1 {
			t.Fatalf("%d channels", n)
		}
		fake.Set(func(f *pbxtest.Faults) { f.Answer = nil })
		pass(2 * time.Second)
		if n, _ := fake.Live(); n != 0 {
			t.Errorf("%d channels ring for a call that was refused", n)
		}
	})
}

// Whoever is refused does not go on asking for phones: guards of PBXes count that.
func TestExchange_ARefusedUserAsksForNoPhones(t *testing.T) {
	withManager(t, "", func(t *testing.T, fake *pbxtest.Fake, _ *pbxtest.AMI, x *pbx.Exchange) {
		pass(time.Second)
		var refused atomic.Int64
		fake.Set(func(f *pbxtest.Faults) {
			f.Answer = func(*http.Request) int {
				refused.Add(1)
				return http.StatusUnauthorized
			}
		})
		for range 3 {
			pass(10 * time.Minute)
			if _, err := x.Devices(t.Context()); err == nil {
				t.Error("there are devices")
			}
			if n := refused.Swap(0); n > 4 {
				t.Errorf("%d requests were refused in ten minutes", n)
			}
		}
	})
}

// A phone that goes off while the PBX is answering which phones it has is off.
func TestExchange_APhoneThatGoesOffWhileTheyAreListed(t *testing.T) {
	withManager(t, "", func(t *testing.T, fake *pbxtest.Fake, _ *pbxtest.AMI, x *pbx.Exchange) {
		pass(time.Second)
		listed, told := make(chan struct{}, 1), make(chan struct{})
		fake.Set(func(f *pbxtest.Faults) {
			f.Lost = func(r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/endpoints") {
					listed <- struct{}{}
					<-told
				}
				return false
			}
		})
		<-listed
		off := `{"type":"PeerStatusChange","endpoint":{"technology":"PJSIP","resource":"1001","state":"offline","channel_ids":[]},"peer":{"peer_status":"Unreachable"}}`
		if err := fake.Emit(off); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		close(told)
		pass(time.Second)
		if got := x.CanDial("1001"); got != pbx.PhoneOffline {
			t.Errorf("a phone that is off: %q", got)
		}
	})
}
