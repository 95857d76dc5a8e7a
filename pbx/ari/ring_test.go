package ari

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
)

func TestRingKeepsOrderAndDrainsAfterTheEnd(t *testing.T) {
	r := newRing(3, 1000)
	end := errors.New("end")
	n := 0
	for i := range 10 { // around the circle
		if !r.push(frame{data: []byte(strconv.Itoa(i))}) {
			t.Fatal("refused")
		}
		if i%3 == 2 {
			for range 3 {
				f, err := r.pop(t.Context())
				if err != nil || string(f.data) != strconv.Itoa(n) {
					t.Fatalf("%q, %v", f.data, err)
				}
				n++
			}
		}
	}
	r.close(end)
	r.close(errors.New("later"))
	if f, err := r.pop(t.Context()); err != nil || string(f.data) != "9" {
		t.Errorf("what came before the end is lost: %q, %v", f.data, err)
	}
	if _, err := r.pop(t.Context()); err != end {
		t.Errorf("after the end: %v", err)
	}
	if r.push(frame{}) {
		t.Error("accepted after the end")
	}
}

func TestRingShedsWhole(t *testing.T) {
	for name, r := range map[string]*ring{"by number": newRing(3, 1000), "by bytes": newRing(100, 30)} {
		for range 3 {
			if !r.push(frame{data: make([]byte, 10)}) {
				t.Fatalf("%s: refused too early", name)
			}
		}
		if r.push(frame{data: make([]byte, 10)}) {
			t.Fatalf("%s: accepted more than it may hold", name)
		}
		if _, err := r.pop(t.Context()); err != errOverflow {
			t.Errorf("%s: after overflow pop gives %v: a stream with a hole looks whole", name, err)
		}
		if _, shed := r.depth(); shed != 4 {
			t.Errorf("%s: shed %d, want 4", name, shed)
		}
	}
	if r := newRing(3, 10); !r.push(frame{data: make([]byte, 50)}) {
		t.Error("one big message must always fit")
	}
}

func TestRingPopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(3, 1000)
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error)
		go func() {
			_, err := r.pop(ctx)
			got <- err
			_, err = r.pop(ctx)
			got <- err
		}()
		synctest.Wait()
		r.push(frame{})
		if err := <-got; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		if err := <-got; err != context.Canceled {
			t.Errorf("a cancelled wait gives %v", err)
		}
	})
}
