package ari_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// What is recorded reads back as what follow got.
func TestRecordingReadsBack(t *testing.T) {
	var recording bytes.Buffer
	var want []ari.Item
	inBubble(t, func(t *testing.T, b *bench) {
		if err := b.fake.Play(t.Context(), midCall(t), pbxtest.PlayOptions{Keep: true}); err != nil {
			t.Fatal(err)
		}
		b.run()
		b.lives(1)
		b.fake.Send([]byte("not JSON"))
		b.fake.Send([]byte("{\"type\":\"ChannelLevitated\",\n \"pretty\": true}"))
		local, err := os.Open("testdata/local.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		defer local.Close()
		if err := b.fake.Play(t.Context(), local, pbxtest.PlayOptions{Speed: math.Inf(1)}); err != nil {
			t.Fatal(err)
		}
		b.event("ChannelDestroyed")
		b.fake.Cut(pbxtest.CutClean)
		b.lives(2)
		b.cancel()
		<-b.done
		b.done <- context.Canceled
		want = b.items
	}, func(c *ari.Config) { c.Record = &recording })

	var got []ari.Item
	for item, err := range ari.ReadRecording(&recording) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, item)
	}
	// Raw is kept for all events of a recording; why a gap came is told by its reason only.
	options := cmp.Options{cmpopts.IgnoreFields(ari.Event{}, "Raw"), cmpopts.IgnoreFields(ari.Gap{}, "Err"), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(want, got, options); diff != "" {
		t.Errorf("(-followed +recorded)\n%s", diff)
	}
	if len(want) < 50 {
		t.Errorf("only %s", describe(want))
	}
}

func TestRecordingHasNoDigits(t *testing.T) {
	var recording bytes.Buffer
	inBubble(t, func(t *testing.T, b *bench) {
		b.fake.Set(func(f *pbxtest.Faults) { f.Unfiltered = true }) // so that they are sent at all
		b.run()
		b.lives(1)
		b.emit(`{"type":"ChannelDtmfReceived","digit":"7","duration_ms":120,"channel":{"id":"1.1"}}`)
		b.emit(`{"type":"ChannelVarset","variable":"CARD","value":"6037991812345678","channel":{"id":"1.1"}}`)
		b.event("ChannelVarset")
	}, func(c *ari.Config) { c.Record = &recording })

	lines := strings.Split(strings.TrimSpace(recording.String()), "\n")
	if len(lines) != 4 || strings.Contains(recording.String(), "6037") || strings.Contains(lines[2], `"7"`) {
		t.Errorf("recorded:\n%s", recording.String())
	}
	for _, want := range []string{`"digit":""`, `"value":""`, `"variable":"CARD"`, `"duration_ms":120`} {
		if !strings.Contains(recording.String(), want) {
			t.Errorf("%s is missing in\n%s", want, recording.String())
		}
	}
	for _, l := range lines {
		if !json.Valid([]byte(l)) {
			t.Errorf("not JSON: %s", l)
		}
	}
}

// failing is a disk that is full.
type failing struct{ writes int }

func (f *failing) Write(b []byte) (int, error) {
	f.writes++
	return 0, errors.New("no space left")
}

func TestRecordingFailureDoesNotHurtTheStream(t *testing.T) {
	disk := new(failing)
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		synctest.Wait()
		b.emit(`{"type":"ChannelCreated","channel":{"id":"1.1"}}`)
		b.event("ChannelCreated")
		synctest.Wait()
		if disk.writes != 1 {
			t.Errorf("tried %d times to write", disk.writes)
		}
		if !strings.Contains(b.log.String(), "recording ended") {
			t.Error("the log does not say so")
		}
	}, func(c *ari.Config) { c.Record = disk })
}

func TestReadRecordingSaysWhichLineIsBad(t *testing.T) {
	good := `{"at":"2026-11-22T14:40:00Z","gap":{"reason":"start"}}` + "\n"
	for _, bad := range []string{"nonsense", `{"at":"2026-11-22T14:40:00Z"}`, `{"event":{"kind":"x"}}`, `{"at":"yesterday","gap":{}}`} {
		n := 0
		var last error
		for _, err := range ari.ReadRecording(strings.NewReader(good + "\n" + good + bad + "\n" + good)) {
			n++
			last = err
		}
		if n != 3 || last == nil || !strings.Contains(last.Error(), "line 4") {
			t.Errorf("%s: %d items, then %v", bad, n, last)
		}
	}
}
