package calllog

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics are the recorder's figures. None carries a number, a name or an id.
type metrics struct {
	ctx context.Context // for instruments that want one; never ends

	write       metric.Float64Histogram
	batch       metric.Int64Histogram
	spool       metric.Float64Histogram
	errors      metric.Int64Counter
	lost        metric.Int64Counter
	quarantined metric.Int64Counter
	unmatched   metric.Int64Counter
	unreadable  metric.Int64Counter
	torn        metric.Int64Counter
	standby     metric.Int64Counter
	observed    metric.Registration
}

var (
	toDatabase = metric.WithAttributeSet(attribute.NewSet(attribute.String("to", "database")))
	toSpool    = metric.WithAttributeSet(attribute.NewSet(attribute.String("to", "spool")))
)

func newMetrics(r *Recorder) *metrics {
	m := otel.Meter("ringbook/calllog")
	v := &metrics{ctx: context.Background()}
	// Instruments with constant, valid names: the errors say only that a name is bad.
	seconds := metric.WithExplicitBucketBoundaries(.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10)
	v.write, _ = m.Float64Histogram("ringbook.calllog.write", metric.WithUnit("s"), seconds,
		metric.WithDescription("How long a batch of calls took to be written."))
	v.batch, _ = m.Int64Histogram("ringbook.calllog.batch", metric.WithUnit("{call}"),
		metric.WithExplicitBucketBoundaries(1, 2, 5, 10, 20, 50, 100, 256),
		metric.WithDescription("Calls in a batch."))
	v.spool, _ = m.Float64Histogram("ringbook.spool.write", metric.WithUnit("s"), seconds,
		metric.WithDescription("How long ended calls took to be safe on disk."))
	v.errors, _ = m.Int64Counter("ringbook.calllog.errors",
		metric.WithDescription("Batches that were not taken, by where they should have gone."))
	v.lost, _ = m.Int64Counter("ringbook.calllog.lost",
		metric.WithDescription("Pictures of calls lost as neither database, disk nor memory had room. ALARM."))
	v.quarantined, _ = m.Int64Counter("ringbook.calllog.quarantined",
		metric.WithDescription("Calls that the database refuses, kept in a file. ALARM."))
	v.unmatched, _ = m.Int64Counter("ringbook.calllog.unmatched",
		metric.WithDescription("Calls written before their customer could be looked up."))
	v.unreadable, _ = m.Int64Counter("ringbook.spool.unreadable",
		metric.WithDescription("Segments and frames of the spool that cannot be read. ALARM."))
	v.torn, _ = m.Int64Counter("ringbook.spool.torn", metric.WithUnit("By"),
		metric.WithDescription("Bytes of half-written calls cut off at start."))

	v.standby, _ = m.Int64Counter("ringbook.calllog.helped",
		metric.WithDescription("Calls that this node wrote for another, which leads but had not written them."))

	held, _ := m.Int64ObservableGauge("ringbook.calllog.held",
		metric.WithDescription("Calls in memory that another node is to write and has not written yet."))
	pending, _ := m.Int64ObservableGauge("ringbook.calllog.pending",
		metric.WithDescription("Calls in memory whose newest picture is not in the database."))
	bytes, _ := m.Int64ObservableGauge("ringbook.spool.size", metric.WithUnit("By"),
		metric.WithDescription("Size of the spool."))
	oldest, _ := m.Float64ObservableGauge("ringbook.spool.oldest", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest call in the spool."))
	away, _ := m.Int64ObservableGauge("ringbook.calllog.away",
		metric.WithDescription("1 while the database does not take calls."))
	full, _ := m.Int64ObservableGauge("ringbook.spool.full",
		metric.WithDescription("1 while the spool takes no more: ended calls are in memory only. ALARM."))
	v.observed, _ = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		b := r.Backlog()
		o.ObserveInt64(held, int64(b.Held))
		o.ObserveInt64(pending, int64(b.Pending))
		o.ObserveInt64(bytes, b.SpoolBytes)
		o.ObserveFloat64(oldest, b.Oldest.Seconds())
		o.ObserveInt64(away, one(b.Away))
		o.ObserveInt64(full, one(b.SpoolFull))
		return nil
	}, held, pending, bytes, oldest, away, full)
	return v
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (m *metrics) wrote(d time.Duration, calls int, err error) {
	if err != nil {
		m.errors.Add(m.ctx, 1, toDatabase)
		return
	}
	m.write.Record(m.ctx, d.Seconds())
	m.batch.Record(m.ctx, int64(calls))
}

func (m *metrics) spooled(d time.Duration, err error) {
	if err != nil {
		m.errors.Add(m.ctx, 1, toSpool)
		return
	}
	m.spool.Record(m.ctx, d.Seconds())
}

// helped counts calls that were written for another node.
func (m *metrics) helped(calls int, err error) {
	if err == nil {
		m.standby.Add(m.ctx, int64(calls))
	}
}

func (m *metrics) close() {
	if m.observed != nil {
		_ = m.observed.Unregister()
	}
}
