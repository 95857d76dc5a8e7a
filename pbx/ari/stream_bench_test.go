package ari_test

import (
	"context"
	"log/slog"
	"testing"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// BenchmarkStream is the whole way of an event: written to a TCP socket by the fake, read, queued, decoded,
// counted, given to follow. BenchmarkDecode is its floor.
func BenchmarkStream(b *testing.B) {
	fake := pbxtest.NewFake(pbxtest.FakeConfig{})
	defer fake.Close()
	if err := fake.Start("127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	c, err := ari.New(ari.Config{Name: "bench", URL: fake.URL(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	live, events := make(chan bool, 1), make(chan bool, 1<<16)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	go func() {
		done <- c.Run(ctx, func(i ari.Item) {
			switch {
			case i.Live != nil:
				live <- true
			case i.Event != nil:
				events <- true
			}
		})
	}()
	<-live
	message := []byte(`{"type":"ChannelStateChange","timestamp":"2026-11-22T14:50:29.734+0000","channel":{"id":"1795359029.7","name":"PJSIP/1001-00000003","state":"Ringing","protocol_id":"c0ffee@127.0.0.1","caller":{"name":"","number":"1001"},"connected":{"name":"Sara","number":"09121234567"},"accountcode":"","dialplan":{"context":"from-trunk","exten":"","priority":1,"app_name":"AppQueue","app_data":"(Outgoing Line)"},"creationtime":"2026-11-22T14:50:29.733+0000","language":"en"},"asterisk_id":"02:fc:00:00:00:01","application":"ringbook-node-aef0c1794113"}`)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for sent := 0; b.Loop(); sent++ {
		fake.Send(message)
		if sent >= 1000 { // at most so many under way
			<-events
		}
	}
	cancel()
	<-done
}
