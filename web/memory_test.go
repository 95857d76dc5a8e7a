package web

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"ringbook/crm"
)

// A connected desk that has shown a pop costs at most 40 kB, in which this side of its connection is counted too.
func TestPush_MemoryPerDesk(t *testing.T) {
	const n, goal = 300, 40 << 10
	h := newHouse(t)
	program := h.program(h.agent("neda", crm.RoleAgent, "1001"))
	h.customer("Sara Ahmadi", "09121234567")
	program.open().next() // whatever is made once
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	request := fmt.Sprintf("GET %s/push HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		base, strings.TrimPrefix(h.url, "http://"), program.header.Get("Authorization"))
	conns := make([]net.Conn, n)
	before := used()
	for i := range conns {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		res, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil)
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v %v", res, err)
		}
		conns[i] = conn
	}
	if !waitFor(func() bool { return h.openSockets() == n+1 }) {
		t.Fatal("not all are connected")
	}
	h.follow(h.ring("09121234567", "1001"))
	for _, conn := range conns { // what was not read with the answer is the first picture, then the pop
		var got strings.Builder
		b := make([]byte, 4096)
		for !strings.Contains(got.String(), "Sara Ahmadi") {
			k, err := conn.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			got.Write(b[:k])
		}
	}
	per := (int64(used()) - int64(before)) / n
	t.Logf("%d bytes per desk", per)
	if per > goal {
		t.Errorf("%d bytes per desk, want at most %d", per, goal)
	}
}
