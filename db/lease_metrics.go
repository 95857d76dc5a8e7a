package db

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// leaseMetrics are the leases' figures, by the lease's name.
type leaseMetrics struct {
	takeover metric.Float64Histogram
	observed metric.Registration
}

func newLeaseMetrics(l *Leases) *leaseMetrics {
	m := otel.Meter("ringbook/db")
	v := &leaseMetrics{}
	// Instruments with constant, valid names: the errors say only that a name is bad.
	v.takeover, _ = m.Float64Histogram("ringbook.lease.takeover", metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(.05, .1, .25, .5, 1, 2, 3, 5, 8, 10, 11, 12, 15, 30, 60),
		metric.WithDescription("How long nobody led: from the last sign of life of the node before until this one took over."))
	leads, _ := m.Int64ObservableGauge("ringbook.lease.leads",
		metric.WithDescription("1 where this node leads, 0 where it stands by. Over all nodes the sum should be 1 for each exchange."))
	epoch, _ := m.Int64ObservableGauge("ringbook.lease.epoch",
		metric.WithDescription("How often the lease was taken, as far as this node knows."))
	v.observed, _ = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, s := range l.Status() {
			name := metric.WithAttributes(attribute.String("pbx", s.Name))
			one := int64(0)
			if s.Leads {
				one = 1
			}
			o.ObserveInt64(leads, one, name)
			o.ObserveInt64(epoch, s.Epoch, name)
		}
		return nil
	}, leads, epoch)
	return v
}

func (m *leaseMetrics) took(name string, gap time.Duration) {
	m.takeover.Record(context.Background(), gap.Seconds(), metric.WithAttributes(attribute.String("pbx", name)))
}

func (m *leaseMetrics) close() {
	if m.observed != nil {
		_ = m.observed.Unregister()
	}
}
