package db_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringbook/db/dbtest"
)

// TestDump_IsOfOneMoment: while others write, a dump holds what its contents say, row for row, and each transaction
// whole or not at all.
func TestDump_IsOfOneMoment(t *testing.T) {
	d := dbtest.New(t)
	if _, err := d.Pool().Exec(t.Context(), `INSERT INTO team (id, name) SELECT gen_random_uuid(), 'team ' || i FROM generate_series(1, 2000) i`); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wrote atomic.Int64
	ended := make(chan error, 1)
	go func() { // two rows at a time
		for ctx.Err() == nil {
			if _, err := d.Pool().Exec(ctx, `INSERT INTO team (id, name) SELECT gen_random_uuid(), gen_random_uuid()::text FROM generate_series(1, 2)`); err != nil && ctx.Err() == nil {
				ended <- err
				return
			}
			wrote.Add(1)
		}
		ended <- nil
	}()
	var dump bytes.Buffer
	made, err := d.Dump(t.Context(), &slowed{to: &dump, until: func() bool { return wrote.Load() >= 50 }})
	during := wrote.Load()
	stop()
	if writer := <-ended; err != nil || writer != nil {
		t.Fatal(err, writer)
	}
	if during < 50 {
		t.Fatalf("only %d writes while it was dumped", during)
	}

	fresh := dbtest.New(t)
	if err := fresh.Load(t.Context(), bytes.NewReader(dump.Bytes()), made, true); err != nil {
		t.Fatal(err)
	}
	have, err := fresh.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if wrong := made.Differences(have); len(wrong) > 0 {
		t.Errorf("the loaded database is another: %v", wrong)
	}
	n := ask[int](t, fresh, `SELECT count(*) FROM team`)
	if n%2 != 0 || n < 2000 {
		t.Errorf("%d teams: half a transaction", n)
	}
	now, err := d.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if wrong := made.Differences(now); len(wrong) != 1 || !strings.Contains(wrong[0], "public.team") {
		t.Errorf("nothing of what was written later shows: %v", wrong)
	}
	if ask[bool](t, fresh, `SELECT EXISTS (SELECT FROM pg_indexes WHERE indexname = 'call_started')`) != true {
		t.Error("an index is missing")
	}
}

// slowed holds up the first write until something has happened.
type slowed struct {
	to    io.Writer
	until func() bool
}

func (s *slowed) Write(p []byte) (int, error) {
	for tick := time.NewTicker(time.Millisecond); s.until != nil; <-tick.C {
		if s.until() {
			tick.Stop()
			s.until = nil
			break
		}
	}
	return s.to.Write(p)
}

// TestLoad_ChangesNothingIfItFails: a dump that ends too early, and one that is none.
func TestLoad_ChangesNothingIfItFails(t *testing.T) {
	d := dbtest.New(t)
	if _, err := d.Pool().Exec(t.Context(), `INSERT INTO team (id, name) SELECT gen_random_uuid(), repeat(md5(i::text), 20) FROM generate_series(1, 3000) i`); err != nil {
		t.Fatal(err)
	}
	var dump bytes.Buffer
	made, err := d.Dump(t.Context(), &dump)
	if err != nil {
		t.Fatal(err)
	}
	before, err := d.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string][]byte{
		"half": dump.Bytes()[:dump.Len()/2],
		"none": []byte("this is not a dump\n"),
	} {
		if err := d.Load(t.Context(), bytes.NewReader(broken), made, true); err == nil {
			t.Errorf("%s of a dump is loaded", name)
		}
		after, err := d.Contents(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if wrong := before.Differences(after); len(wrong) > 0 {
			t.Errorf("after %s of a dump: %v", name, wrong)
		}
	}
	if err := d.Load(t.Context(), bytes.NewReader(dump.Bytes()), made, false); err == nil {
		t.Error("a database that is not empty is loaded into")
	}
}

func TestDump_EndsWithItsWriterAndItsContext(t *testing.T) {
	d := dbtest.New(t)
	full := errors.New("full")
	if _, err := d.Dump(t.Context(), writerFunc(func([]byte) (int, error) { return 0, full })); !errors.Is(err, full) {
		t.Errorf("a writer that takes nothing: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := d.Dump(ctx, writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestContents_ANewerProgramsDatabaseIsKnown(t *testing.T) {
	d := dbtest.New(t)
	c, err := d.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Unknown()) > 0 || c.Shape() == 0 || c.Major() < 15 {
		t.Errorf("unknown %v, shape %d, PostgreSQL %d", c.Unknown(), c.Shape(), c.Major())
	}
	c.Migrations = append(c.Migrations, 9999)
	if !slices.Equal(c.Unknown(), []int64{9999}) || c.Shape() != 9999 {
		t.Errorf("unknown %v, shape %d", c.Unknown(), c.Shape())
	}
}
