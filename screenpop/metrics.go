package screenpop

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics are the board's figures. None carries a number, a name or an id.
type metrics struct {
	ctx      context.Context // for instruments that want one; never ends
	pops     metric.Int64Counter
	watches  metric.Int64UpDownCounter
	queue    metric.Int64UpDownCounter
	lookup   metric.Float64Histogram
	failures metric.Int64Counter
}

func newMetrics() *metrics {
	m := otel.Meter("ringbook/screenpop")
	v := &metrics{ctx: context.Background()}
	// Instruments with constant, valid names: the errors say only that a name is bad.
	v.pops, _ = m.Int64Counter("ringbook.pop.offered",
		metric.WithDescription("Calls that came to a desk."))
	v.watches, _ = m.Int64UpDownCounter("ringbook.pop.watches",
		metric.WithDescription("Browsers that follow a desk."))
	v.queue, _ = m.Int64UpDownCounter("ringbook.lookup.queue",
		metric.WithDescription("Look-ups that wait for a worker."))
	v.lookup, _ = m.Float64Histogram("ringbook.lookup.duration", metric.WithUnit("s"),
		metric.WithDescription("From a caller's first appearance until the customer is known."),
		metric.WithExplicitBucketBoundaries(.0002, .0005, .001, .002, .003, .005, .01, .03, .1, .3, 1, 3, 10))
	v.failures, _ = m.Int64Counter("ringbook.lookup.failures",
		metric.WithDescription("Look-ups that failed and are tried again."))
	return v
}

// observe shows how many agents are in which state, until stop is called.
func observe(b *Board) (stop func()) {
	m := otel.Meter("ringbook/screenpop")
	agents, _ := m.Int64ObservableGauge("ringbook.agents", metric.WithDescription("Agents, by state."))
	registered, err := m.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		for state, n := range b.count() {
			o.ObserveInt64(agents, n, metric.WithAttributes(attribute.String("state", string(state))))
		}
		return nil
	}, agents)
	if err != nil {
		return func() {}
	}
	return func() { _ = registered.Unregister() }
}
