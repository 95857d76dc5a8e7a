package ami

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics are the counters of one PBX.
type metrics struct {
	pbx        attribute.KeyValue
	events     metric.Int64Counter
	malformeds metric.Int64Counter
	depths     metric.Int64Gauge
	sheds      metric.Int64Counter
	reconnects metric.Int64Counter
	gaps       metric.Int64Counter
	actions    metric.Float64Histogram
}

// counted are the names that are labels; all others are "other", so that no PBX makes the number of series grow.
var counted = []string{
	"AgentCalled", "AgentComplete", "AgentConnect", "AgentDump", "AgentRingNoAnswer", "FullyBooted",
	"QueueCallerAbandon", "QueueCallerJoin", "QueueCallerLeave", "QueueMemberAdded", "QueueMemberPause", "QueueMemberPenalty",
	"QueueMemberRemoved", "QueueMemberRinginuse", "QueueMemberStatus", "Reload", "Shutdown",
	// actions
	"Atxfer", "BlindTransfer", "CancelAtxfer", "CoreSettings", "Filter", "ListCommands", "MixMonitorMute", "PJSIPNotify", "Ping",
	"QueueAdd", "QueuePause", "QueuePenalty", "QueueRemove", "QueueStatus", "Redirect", "Setvar",
}

func label(name string) string {
	if slices.Contains(counted, name) {
		return name
	}
	return "other"
}

func newMetrics(pbx string) *metrics {
	meter := otel.Meter("ringbook/pbx/ami")
	m := &metrics{pbx: attribute.String("pbx", pbx)}
	// The names below are valid, so that none of these can fail; if one did, it would count nothing.
	m.events, _ = meter.Int64Counter("ringbook.ami.events", metric.WithDescription("Events received, by type; types that ringbook does not use are \"other\"."))
	m.malformeds, _ = meter.Int64Counter("ringbook.ami.malformed", metric.WithDescription("Messages that are neither event nor answer, or whose lines were cut, or that nobody waited for any more."))
	m.depths, _ = meter.Int64Gauge("ringbook.ami.ring.depth", metric.WithDescription("Most events that waited for the consumer between two pings."))
	m.sheds, _ = meter.Int64Counter("ringbook.ami.shed", metric.WithDescription("Events given up because the consumer was too slow."))
	m.reconnects, _ = meter.Int64Counter("ringbook.ami.reconnects", metric.WithDescription("Connections that ended or could not be made, by reason."))
	m.gaps, _ = meter.Int64Counter("ringbook.ami.gaps", metric.WithDescription("Holes in the event stream, by reason."))
	m.actions, _ = meter.Float64Histogram("ringbook.ami.action", metric.WithUnit("s"),
		metric.WithDescription("How long actions took, lists up to their end, by action and result: ok, refused, denied, down, invalid."),
		metric.WithExplicitBucketBoundaries(.001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10))
	return m
}

func (m *metrics) event(name string) {
	m.events.Add(context.Background(), 1, m.with("type", label(name)))
}

func (m *metrics) malformed() {
	m.malformeds.Add(context.Background(), 1, metric.WithAttributes(m.pbx))
}

func (m *metrics) depth(n int) {
	m.depths.Record(context.Background(), int64(n), metric.WithAttributes(m.pbx))
}

func (m *metrics) shed(n int) {
	m.sheds.Add(context.Background(), int64(n), metric.WithAttributes(m.pbx))
}

func (m *metrics) reconnect(reason string) {
	m.reconnects.Add(context.Background(), 1, m.with("reason", reason))
}

func (m *metrics) gap(reason GapReason) {
	m.gaps.Add(context.Background(), 1, m.with("reason", string(reason)))
}

func (m *metrics) action(name, result string, took time.Duration) {
	m.actions.Record(context.Background(), took.Seconds(), m.with("action", label(name)), m.with("result", result))
}

func (m *metrics) with(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(m.pbx, attribute.String(key, value)))
}
