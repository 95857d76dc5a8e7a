package web

import (
	"context"
	"fmt"
	"testing"

	"github.com/gorilla/websocket"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"ringbook/crm"
)

// figures are the sums of counters and the counts of histograms, by name.
func figures(t *testing.T, reader metric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					found[m.Name] += p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					found[m.Name] += int64(p.Count)
				}
			}
		}
	}
	return found
}

// P2: of many rings at many desks every pop is written whole, drawn and acknowledged; none is counted as lost. One
// that no browser acknowledges is.
func TestPush_P2_EveryPopIsAcknowledged(t *testing.T) {
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	defer otel.SetMeterProvider(noop.NewMeterProvider())
	const agents, rings = 10, 500
	h := newHouse(t)
	var tabs []*tab
	for i := range agents {
		h.agent(fmt.Sprintf("agent%d", i), crm.RoleAgent, fmt.Sprint(1001+i))
		h.customer(fmt.Sprintf("Customer %d", i), fmt.Sprintf("0912123450%d", i))
		tabs = append(tabs, h.login(fmt.Sprintf("agent%d", i)).open())
		tabs[i].next()
	}
	seen := func(b *tab) {
		if err := b.conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"type":"seen","seq":%d}`, b.seq)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range rings {
		i := n % agents
		call := h.ring(fmt.Sprintf("0912123450%d", i), fmt.Sprint(1001+i))
		h.board.Update(t.Context(), call)
		d := tabs[i].until("the pop", showing(call.ID, "ringing"))
		p := pop(d, call.ID)
		if p.Customer == nil || p.Customer.Name != fmt.Sprintf("Customer %d", i) || p.Call.Caller.Number != fmt.Sprintf("+98912123450%d", i) ||
			p.Call.Queue == nil || p.Call.Dialed.Number == "" || p.Extension != fmt.Sprint(1001+i) || p.OfferedAt.IsZero() {
			t.Fatalf("ring %d: not whole: %+v", n, p)
		}
		seen(tabs[i])
		h.board.Update(t.Context(), h.hangup(call))
		tabs[i].until("the end", showing(call.ID, "missed"))
		h.board.Dismiss(d.Agent.ID, call.ID)
	}
	if !waitFor(func() bool { return figures(t, reader)["ringbook.pop.seen"] == rings }) {
		t.Errorf("acknowledged: %v", figures(t, reader))
	}
	if f := figures(t, reader); f["ringbook.pop.delay"] != rings || f["ringbook.pop.lost"] != 0 || f["ringbook.push.open"] != agents {
		t.Errorf("%v", f)
	}

	call := h.ring("09121234500", "1001")
	h.board.Update(t.Context(), call)
	tabs[0].until("a pop that is not acknowledged", showing(call.ID, "ringing"))
	for _, b := range tabs {
		b.conn.Close()
	}
	if !waitFor(func() bool { return h.openSockets() == 0 }) {
		t.Error("still open")
	}
	if f := figures(t, reader); f["ringbook.pop.lost"] != 1 || f["ringbook.push.open"] != 0 || f["ringbook.push.closed"] != agents {
		t.Errorf("%v", f)
	}
}
