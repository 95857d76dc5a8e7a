package ari_test

import (
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// What happens on a stream is counted, with labels from closed sets.
func TestMetrics(t *testing.T) {
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(provider)
	defer otel.SetMeterProvider(before)

	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		b.emit(`{"type":"ChannelCreated","channel":{"id":"1.1"}}`)
		b.emit(`{"type":"ChannelLevitated","channel":{"id":"1.1"}}`)
		b.emit(`{"type":"ChannelSublimated","channel":{"id":"1.1"}}`)
		b.fake.Send([]byte("nonsense"))
		b.emit(`{"type":"ChannelDestroyed","channel":{"id":"1.1"}}`)
		b.event("ChannelDestroyed")
		resume := b.stop()
		for range 300 {
			b.emit(`{"type":"ChannelHold","channel":{"id":"1.1"}}`)
		}
		synctest.Wait()
		resume()
		b.lives(2)
		b.fake.Cut(pbxtest.CutClean)
		b.lives(3)
		b.after(25 * time.Second)
	}, func(c *ari.Config) { c.Ring = 100 })

	got := map[string]int64{}
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	name := func(metric string, set attribute.Set) string {
		if v, ok := set.Value("pbx"); !ok || v.AsString() != "test" {
			t.Errorf("%s is not labelled with the PBX: %v", metric, set.ToSlice())
		}
		for _, key := range []attribute.Key{"type", "reason"} {
			if v, ok := set.Value(key); ok {
				metric += " " + v.AsString()
			}
		}
		return metric
	}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					got[name(m.Name, p.Attributes)] += p.Value
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					got[name(m.Name, p.Attributes)] += p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					got[name(m.Name, p.Attributes)] += int64(p.Count)
				}
			}
		}
	}
	for key, want := range map[string]int64{
		"ringbook.ari.events ChannelCreated":   1,
		"ringbook.ari.events other":            2,
		"ringbook.ari.events ChannelDestroyed": 1,
		"ringbook.ari.malformed":               1,
		"ringbook.ari.gaps start":              1,
		"ringbook.ari.gaps overflow":           1,
		"ringbook.ari.gaps disconnected":       1,
		"ringbook.ari.reconnects overflow":     1,
		"ringbook.ari.reconnects closed":       1,
		"ringbook.ari.shed":                    101, // the ring, and the one that did not fit
	} {
		if got[key] != want {
			t.Errorf("%s is %d, want %d", key, got[key], want)
		}
	}
	for _, key := range []string{"ringbook.ari.lag", "ringbook.ari.canary", "ringbook.ari.ring.depth"} {
		if got[key] == 0 {
			t.Errorf("%s says nothing", key)
		}
	}
	if t.Failed() {
		t.Logf("%v", got)
	}
}
