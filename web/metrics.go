package web

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics of the push sockets. No label holds a person, a number or anything without bound.
type metrics struct {
	open    metric.Int64UpDownCounter
	frames  metric.Int64Counter
	closed  metric.Int64Counter
	refused metric.Int64Counter
	waiting metric.Int64UpDownCounter
	late    metric.Int64Counter
	lost    metric.Int64Counter
	entry   metric.Float64Histogram
	delay   metric.Float64Histogram
	seen    metric.Float64Histogram

	floors   metric.Int64Counter
	floorAge metric.Float64Histogram
}

func newMetrics() *metrics {
	m := otel.Meter("ringbook/web")
	buckets := metric.WithExplicitBucketBoundaries(.0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10)
	var all metrics
	// Instruments are refused for a bad name only, and these names are constants.
	all.open, _ = m.Int64UpDownCounter("ringbook.push.open", metric.WithDescription("push sockets that are open"))
	all.frames, _ = m.Int64Counter("ringbook.push.frames", metric.WithDescription("pictures written"))
	all.closed, _ = m.Int64Counter("ringbook.push.closed", metric.WithDescription("push sockets closed, by reason"))
	all.refused, _ = m.Int64Counter("ringbook.push.refused", metric.WithDescription("push sockets refused, by reason"))
	all.waiting, _ = m.Int64UpDownCounter("ringbook.push.waiting", metric.WithDescription("browsers that wait to be let in"))
	all.late, _ = m.Int64Counter("ringbook.pop.late", metric.WithDescription("pops that the browser drew more than a second after they were sent"))
	all.lost, _ = m.Int64Counter("ringbook.pop.lost", metric.WithDescription("pops that the browser never said it has drawn"))
	all.entry, _ = m.Float64Histogram("ringbook.push.entry", metric.WithUnit("s"), buckets,
		metric.WithDescription("from a browser's request until its first picture is drawn, waiting for others to be let in included"))
	all.delay, _ = m.Float64Histogram("ringbook.pop.delay", metric.WithUnit("s"), buckets,
		metric.WithDescription("from reading the exchange's event to having written the pop with what is known of the caller"))
	all.seen, _ = m.Float64Histogram("ringbook.pop.seen", metric.WithUnit("s"), buckets,
		metric.WithDescription("from writing a pop to the browser's word that it is drawn"))
	all.floors, _ = m.Int64Counter("ringbook.floor.frames", metric.WithDescription("pictures of the floor written"))
	all.floorAge, _ = m.Float64Histogram("ringbook.floor.age", metric.WithUnit("s"), buckets,
		metric.WithDescription("age of a picture of the floor when it was written"))
	return &all
}

func reason(r string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("reason", r))
}
