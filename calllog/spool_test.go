package calllog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
)

// readAll is what a spool folder would give back, by call.
func readAll(t *testing.T, dir string) (s *spool, calls map[uuid.UUID]int, torn int64) {
	t.Helper()
	s, torn, err := openSpool(dir, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	calls = map[uuid.UUID]int{}
	for g := s.oldestCold(); g != nil; g = s.oldestCold() {
		r, err := openSegment(g)
		if err != nil {
			t.Fatal(err)
		}
		for {
			pictures, bad := r.read(10)
			if bad > 0 {
				t.Errorf("%d frames hold no picture", bad)
			}
			if len(pictures) == 0 {
				break
			}
			for _, p := range pictures {
				calls[p.Call.ID]++
			}
		}
		r.close()
		s.done(g)
	}
	return s, calls, torn
}

func ackd(t *testing.T, s *spool, from, to int) *segment {
	t.Helper()
	var pictures []picture
	for n := from; n < to; n++ {
		pictures = append(pictures, picture{Call: ended(ringing(n, "1001"))})
	}
	g, err := s.append(pictures)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Killed at any moment, the spool has everything that was acknowledged.
func TestSpool_KilledAtAnyMoment(t *testing.T) {
	for round := range 10 {
		dir := t.TempDir()
		cmd, _, out := spawn(t, "spool", dir, "")
		time.AfterFunc(20*time.Millisecond+rand.N(100*time.Millisecond), func() { _ = cmd.Process.Kill() })
		acknowledged := -1
		for out.Scan() {
			n, err := strconv.Atoi(out.Text())
			if err != nil {
				break // the last line, cut off
			}
			acknowledged = max(acknowledged, n)
		}
		_ = cmd.Wait() // says only that it was killed
		s, calls, _ := readAll(t, dir)
		s.close()
		for n := 0; n <= acknowledged; n++ {
			if calls[callID(n)] == 0 {
				t.Fatalf("round %d: call %d of %d is lost", round, n, acknowledged)
			}
		}
		t.Logf("round %d: %d acknowledged", round, acknowledged+1)
	}
}

// A file cut or damaged at any byte gives back every call before that place, and none that is wrong.
func TestSpool_TornTailIsCutOff(t *testing.T) {
	dir := t.TempDir()
	s, _, err := openSpool(dir, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	ends := []int64{int64(len(spoolMagic))}
	var g *segment
	for n := range 5 {
		g = ackd(t, s, n, n+1)
		ends = append(ends, g.size)
	}
	s.leave(g)
	s.close()
	whole, err := os.ReadFile(g.path)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		cut := rand.IntN(len(whole))
		damaged := append([]byte{}, whole[:cut]...)
		if rand.IntN(2) == 0 { // as a disk that wrote a later block only
			damaged = append(append([]byte{}, whole...), "rest"...)
			damaged[cut] ^= 0x40
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(g.path)), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s, calls, torn := readAll(t, dir)
		want := 0
		for want < 5 && ends[want+1] <= int64(cut) {
			want++
		}
		if len(calls) != want {
			t.Fatalf("cut at %d: %d calls, want %d", cut, len(calls), want)
		}
		if int64(cut) > ends[want] && torn == 0 {
			t.Fatalf("cut at %d was not reported", cut)
		}
		s.close()
	}
}

func TestSpool_KeepsOnlyWhatIsNeeded(t *testing.T) {
	dir := t.TempDir()
	s, _, err := openSpool(dir, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	g := ackd(t, s, 0, 2)
	s.free()
	if bytes, _, cold := s.state(time.Now()); bytes == 0 || cold {
		t.Errorf("unconfirmed: %d bytes, cold %v", bytes, cold)
	}
	s.confirm(g)
	s.free()
	if bytes, _, _ := s.state(time.Now()); bytes == 0 {
		t.Error("freed while one of two is unconfirmed")
	}
	s.confirm(g)
	s.free()
	if bytes, _, _ := s.state(time.Now()); bytes != 0 {
		t.Errorf("confirmed: %d bytes are left", bytes)
	}
	g = ackd(t, s, 2, 3)
	s.leave(g)
	s.free()
	if bytes, age, cold := s.state(time.Now().Add(time.Minute)); bytes == 0 || !cold || age < time.Minute {
		t.Errorf("left to the disk: %d bytes, cold %v, age %v", bytes, cold, age)
	}
	s.close()
	s, calls, torn := readAll(t, dir)
	defer s.close()
	if len(calls) != 1 || calls[callID(2)] != 1 || torn != 0 {
		t.Errorf("read back %v, %d torn", calls, torn)
	}
	if names, err := filepath.Glob(filepath.Join(dir, "*"+segmentExt)); err != nil || len(names) != 0 {
		t.Errorf("files %v are left (%v)", names, err)
	}
}

func TestSpool_BeginsNewSegments(t *testing.T) {
	dir := t.TempDir()
	s, _, err := openSpool(dir, 3*segmentBytes)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		var pictures []picture
		for range 500 {
			n++
			pictures = append(pictures, picture{Call: ended(ringing(n, "1001", "1002", "1003"))})
		}
		g, err := s.append(pictures)
		if errors.Is(err, errSpoolFull) {
			n -= 500
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		s.leave(g)
	}
	if len(s.segments) < 3 {
		t.Errorf("%d segments", len(s.segments))
	}
	s.close()
	s, calls, torn := readAll(t, dir)
	defer s.close()
	if len(calls) != n || torn != 0 {
		t.Errorf("%d calls read back, want %d; %d bytes torn", len(calls), n, torn)
	}
}

func TestClean(t *testing.T) {
	c := clean(pbx.Call{
		ID: callID(1), State: pbx.StateEnded, Caller: pbx.Party{Number: "\x00\xffx", Name: "شهرام"},
		Legs: []pbx.Leg{{}}, Transfers: []pbx.Transfer{{}}, Hangup: pbx.Hangup{Cause: 1 << 40},
	})
	if c.Caller.Number != "\uFFFD\uFFFDx" || c.Caller.Name != "شهرام" {
		t.Errorf("caller is %+q, %q", c.Caller.Number, c.Caller.Name)
	}
	at := start.Add(time.Second)
	if !c.StartedAt.Equal(at) || !c.EndedAt.Equal(at) || !c.Legs[0].OfferedAt.Equal(at) || !c.Transfers[0].At.Equal(at) {
		t.Errorf("times are %v, %v, %v", c.StartedAt, c.EndedAt, c.Legs[0].OfferedAt)
	}
	if got := text("ششش", 5); got != "شش" {
		t.Errorf("cut to %q", got)
	}
	if got := text(fmt.Sprint("\xd8", "\xd8\xd8\xd8"), 4); len(got) > 4 {
		t.Errorf("cut to %q", got)
	}
}

// BenchmarkSpoolAppend is what it costs to have ended calls safe on disk, one at a time and many at once.
func BenchmarkSpoolAppend(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, _, err := openSpool(b.TempDir(), 1<<30)
			if err != nil {
				b.Fatal(err)
			}
			defer s.close()
			pictures := make([]picture, n)
			for i := range pictures {
				pictures[i] = picture{Call: ended(answered(ringing(i, "1001", "1002")))}
			}
			for b.Loop() {
				g, err := s.append(pictures)
				if err != nil {
					b.Fatal(err)
				}
				for range pictures {
					s.confirm(g)
				}
			}
		})
	}
}

// BenchmarkUpdate is what the ring pays to be remembered.
func BenchmarkUpdate(b *testing.B) {
	r, err := NewRecorder(RecorderConfig{Spool: b.TempDir(), Directory: desks{}, Match: nobody, Normalise: normalise})
	if err != nil {
		b.Fatal(err)
	}
	defer r.spool.close()
	c := ringing(1, "1001", "1002")
	b.ReportAllocs()
	for b.Loop() {
		c.Version++
		r.Update(c)
	}
}
