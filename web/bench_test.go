package web

import (
	"context"
	"testing"

	"ringbook/crm"
)

// BenchmarkPicture is what a ring costs here: the picture of the desk, put into the API's words and into JSON. What the
// whole way to the browser takes is measured by BenchmarkGoals of cmd/ringbook.
func BenchmarkPicture(b *testing.B) {
	h := newHouse(b)
	neda := h.agent("neda", crm.RoleAgent, "1001")
	h.customer("Sara Ahmadi", "09121234567")
	h.board.Update(context.Background(), h.ring("09121234567", "1001"))
	if !waitFor(func() bool {
		d := h.board.Desk(neda.ID)
		return len(d.Calls) == 1 && d.Calls[0].Customer != nil && d.Calls[0].History != nil
	}) {
		b.Fatal("nothing rings")
	}
	var frame []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if frame, err = appendJSON(frame[:0], h.server.desk(h.board.Desk(neda.ID))); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(frame)))
}
