package ami_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"ringbook/pbx/ami"
	"ringbook/pbx/pbxtest"
)

// What the fake manager does, the real one does: it lets in, refuses and answers in the same way.
func TestClient_Live(t *testing.T) {
	t.Parallel()
	lab := pbxtest.StartAsterisk(t)
	run := func(url string) (*ami.Client, *bytes.Buffer) {
		recording := &bytes.Buffer{}
		c, err := ami.New(ami.Config{Name: "lab", URL: url, Log: slog.New(slog.DiscardHandler), Record: recording})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = c.Run(ctx, func(ami.Item) {}) }()
		t.Cleanup(func() { cancel(); <-done })
		return c, recording
	}
	service, _ := run(lab.AMI())
	viewer, _ := run(lab.AMIViewer())
	stranger, _ := run(strings.Replace(lab.AMI(), "ringbook-lab", "wrong", 1))
	lab.Eventually("they are not connected", func() bool {
		return service.Health().Live && viewer.Health().Live && stranger.Health().Refused
	})
	if h := stranger.Health(); !strings.Contains(h.Reason, "refuses the AMI user") {
		t.Errorf("the stranger's health is %+v", h)
	}
	if h := service.Health(); h.Version == "" || h.Protocol == "" {
		t.Errorf("health is %+v", h)
	}
	for _, action := range []string{"QueuePause", "QueueAdd", "Redirect", "Atxfer", "CancelAtxfer", "BlindTransfer", "PJSIPNotify", "MixMonitorMute", "Setvar", "Filter"} {
		if !service.Health().Rights.Can(action) || viewer.Health().Rights.Can(action) {
			t.Errorf("%s: the service may: %v, the viewer may: %v", action, service.Health().Rights.Can(action), viewer.Health().Rights.Can(action))
		}
		_, err := viewer.Do(t.Context(), ami.Action{Name: action})
		denied := (*ami.Error)(nil)
		if !errors.Is(err, ami.ErrDenied) || !errors.As(err, &denied) || denied.Right == "" {
			t.Errorf("%s: the viewer is told %v", action, err)
		}
	}
	if _, err := service.Do(t.Context(), ami.Action{Name: "Originate"}); !errors.Is(err, ami.ErrDenied) || service.Health().Rights.Can("Originate") {
		t.Errorf("Originate: %v", err)
	}
	if _, err := service.Do(t.Context(), pause("PJSIP/9999")); !errors.Is(err, ami.ErrNotFound) {
		t.Error(err)
	}
	if _, err := service.Do(t.Context(), ami.Action{Name: "Nonsense"}); !errors.Is(err, ami.ErrUnknown) {
		t.Error(err)
	}
	var work sync.WaitGroup
	for range 100 {
		work.Go(func() {
			answer, err := viewer.Do(t.Context(), ami.Action{Name: "QueueStatus"})
			if err != nil || len(answer.Events) < 40 {
				t.Errorf("%d events, %v", len(answer.Events), err)
			}
		})
	}
	work.Wait()
	// The PBX starts anew.
	lab.Restart()
	lab.Eventually("they are not connected again", func() bool {
		_, err := service.Do(t.Context(), ami.Action{Name: "QueueStatus"})
		return err == nil
	})
}
