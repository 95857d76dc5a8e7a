package ari

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics are the counters of one PBX. Attribute sets are made once: some thousand events pass per second.
type metrics struct {
	pbx    attribute.KeyValue
	base   metric.MeasurementOption
	byType map[string]metric.MeasurementOption

	events     metric.Int64Counter
	lag        metric.Float64Histogram
	malformeds metric.Int64Counter
	depths     metric.Int64Gauge
	sheds      metric.Int64Counter
	reconnects metric.Int64Counter
	gaps       metric.Int64Counter
	canaries   metric.Float64Histogram
}

func newMetrics(pbx string) *metrics {
	meter := otel.Meter("ringbook/pbx/ari")
	m := &metrics{pbx: attribute.String("pbx", pbx), byType: map[string]metric.MeasurementOption{}}
	m.base = metric.WithAttributeSet(attribute.NewSet(m.pbx))
	for t := range known {
		m.byType[t] = metric.WithAttributeSet(attribute.NewSet(m.pbx, attribute.String("type", t)))
	}
	m.byType["other"] = metric.WithAttributeSet(attribute.NewSet(m.pbx, attribute.String("type", "other")))

	// The names below are valid, so that none of these can fail; if one did, it would count nothing.
	m.events, _ = meter.Int64Counter("ringbook.ari.events", metric.WithDescription("Events received, by type; types that ringbook does not know are \"other\"."))
	m.lag, _ = meter.Float64Histogram("ringbook.ari.lag", metric.WithUnit("s"), metric.WithDescription("Our clock when an event was read less the PBX's clock when it made it."),
		metric.WithExplicitBucketBoundaries(.001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30))
	m.malformeds, _ = meter.Int64Counter("ringbook.ari.malformed", metric.WithDescription("Messages that could not be decoded."))
	m.depths, _ = meter.Int64Gauge("ringbook.ari.ring.depth", metric.WithDescription("Most events that waited for the consumer between two canaries."))
	m.sheds, _ = meter.Int64Counter("ringbook.ari.shed", metric.WithDescription("Events given up because the consumer was too slow."))
	m.reconnects, _ = meter.Int64Counter("ringbook.ari.reconnects", metric.WithDescription("Connections that ended or could not be made, by reason."))
	m.gaps, _ = meter.Int64Counter("ringbook.ari.gaps", metric.WithDescription("Holes in the event stream, by reason."))
	m.canaries, _ = meter.Float64Histogram("ringbook.ari.canary", metric.WithUnit("s"), metric.WithDescription("Round trip of a test event: from sending it until it was read from the socket."),
		metric.WithExplicitBucketBoundaries(.001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5))
	return m
}

func (m *metrics) event(e *Event, at time.Time) {
	ctx := context.Background()
	attrs, ok := m.byType[e.Type]
	if !ok {
		attrs = m.byType["other"]
	}
	m.events.Add(ctx, 1, attrs)
	if !e.Timestamp.IsZero() {
		m.lag.Record(ctx, max(0, at.Sub(e.Timestamp).Seconds()), m.base)
	}
}

func (m *metrics) malformed()  { m.malformeds.Add(context.Background(), 1, m.base) }
func (m *metrics) depth(n int) { m.depths.Record(context.Background(), int64(n), m.base) }
func (m *metrics) shed(n int)  { m.sheds.Add(context.Background(), int64(n), m.base) }
func (m *metrics) canary(rtt time.Duration) {
	m.canaries.Record(context.Background(), rtt.Seconds(), m.base)
}

func (m *metrics) reconnect(reason string) {
	m.reconnects.Add(context.Background(), 1, m.with("reason", reason))
}

func (m *metrics) gap(reason GapReason) {
	m.gaps.Add(context.Background(), 1, m.with("reason", string(reason)))
}

func (m *metrics) with(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(m.pbx, attribute.String(key, value)))
}
