package calllog

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
)

func TestRecorder_L10_DatabaseAwayDuringCalls(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	before := ringing(1, "1001")
	r.Update(before)
	settle(t, r)
	power(t, d, false)
	out := ringing(2, "1002")
	out.Direction, out.Caller, out.Dialed, out.Queue = pbx.Outbound, pbx.Party{Number: "1002"}, "09121234567", ""
	r.Update(answered(before))
	r.Update(out)
	until(t, "the recorder knows that the database is away", func() bool { return r.Backlog().Away })
	r.Update(ended(answered(before)))
	r.Update(ended(answered(out)))
	until(t, "ended calls are on disk and no longer in memory", func() bool {
		b := r.Backlog()
		return b.SpoolBytes > 0 && b.Pending == 0
	})
	power(t, d, true)
	settle(t, r)
	if n := count(t, d, `SELECT count(*) FROM call WHERE state = 'ended' AND outcome = 'answered'`); n != 2 {
		t.Errorf("%d ended calls, want 2", n)
	}
	if n := count(t, d, `SELECT count(*) FROM call WHERE id = $1 AND direction = 'outbound' AND number = '+989121234567'`, out.ID); n != 1 {
		t.Error("the outbound call has the wrong direction or number")
	}
	until(t, "the spool is empty again", func() bool { return r.Backlog().SpoolBytes == 0 })
}

func TestRecorder_SurvivesRestartWhileDatabaseIsAway(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	power(t, d, false)
	r, stop := record(t, c)
	for n := range 30 {
		call := ringing(n, "1001")
		r.Update(call)
		if n%3 > 0 {
			r.Update(ended(answered(call)))
		}
	}
	stop()
	power(t, d, true)
	r, _ = record(t, c)
	settle(t, r)
	if n := count(t, d, `SELECT count(*) FROM call WHERE state = 'ended'`); n != 20 {
		t.Errorf("%d ended calls, want 20", n)
	}
	if n := count(t, d, `SELECT count(*) FROM call WHERE state = 'ringing'`); n != 10 {
		t.Errorf("%d live calls, want 10", n)
	}
}

// A database that hangs, which is worse than one that is gone: what has ended is on disk all the same.
func TestRecorder_DatabaseHangs(t *testing.T) {
	d := dbtest.New(t)
	r, _ := record(t, config(t, d))
	tx, err := d.Pool().Begin(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(deadline(t), "LOCK TABLE call IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	r.Update(ringing(1, "1001"))
	until(t, "a write hangs", func() bool {
		return count(t, d, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") > 0
	})
	for n := range 20 {
		r.Update(ended(answered(ringing(n, "1001"))))
	}
	until(t, "what ended is on disk", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range r.pending {
			if e.call.State == pbx.StateEnded && e.spooled != e.call.Version {
				return false
			}
		}
		return len(r.pending) >= 20
	})
	if err := tx.Rollback(deadline(t)); err != nil {
		t.Fatal(err)
	}
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call WHERE state = 'ended'"); n != 20 {
		t.Errorf("%d ended calls, want 20", n)
	}
}

func TestRecorder_FullSpoolKeepsTheOldest(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	c.SpoolMax = 20 << 10
	power(t, d, false)
	r, _ := record(t, c)
	for n := range 100 {
		r.Update(ended(ringing(n, "1001", "1002")))
		if n%10 == 0 {
			until(t, "room or alarm", func() bool { b := r.Backlog(); return b.SpoolFull || b.SpoolBytes > 0 })
		}
	}
	until(t, "alarm", func() bool { return r.Backlog().SpoolFull })
	if b := r.Backlog(); b.SpoolBytes > c.SpoolMax {
		t.Errorf("spool has %d bytes, allowed are %d", b.SpoolBytes, c.SpoolMax)
	}
	power(t, d, true)
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call"); n != 100 {
		t.Errorf("%d rows, want 100: the rest was still in memory", n)
	}
}

func TestNewRecorder_RefusesAFolderInUse(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	record(t, c)
	if _, err := NewRecorder(c); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second recorder: %v", err)
	}
}

// Contract: kill -9 during 20 live calls with PostgreSQL stopped, then both back: every call that had ended is there.
func TestRecorder_KilledWhileDatabaseIsAway(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	cmd, in, out := spawn(t, "recorder", c.Spool, dbtest.URL(d))
	expect(t, out, "open")
	power(t, d, false)
	fmt.Fprintln(in, "go")
	expect(t, out, "kept")
	kill(t, cmd)
	power(t, d, true)
	r, _ := record(t, c)
	settle(t, r)
	if n := count(t, d, "SELECT count(*) FROM call WHERE state = 'ended'"); n != 40 {
		t.Errorf("%d ended calls are in the log, want 40", n)
	}
}

// child is what a re-executed test binary does until it is killed.
func child(mode string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	switch mode {
	case "recorder":
		d, err := db.Open(context.Background(), db.Config{URL: os.Getenv("RINGBOOK_TEST_URL")})
		fail(err)
		r, err := NewRecorder(RecorderConfig{
			DB: d, Spool: os.Getenv("RINGBOOK_TEST_SPOOL"), Directory: desks{"1001": neda}, Match: nobody, Normalise: normalise,
		})
		fail(err)
		go func() { fail(r.Run(context.Background())) }()
		fmt.Println("open")
		_, err = bufio.NewReader(os.Stdin).ReadString('\n')
		fail(err)
		for n := range 60 { // 20 of them go on
			c := ringing(n, "1001")
			r.Update(c)
			if n%3 > 0 {
				r.Update(ended(answered(c)))
			}
		}
		for {
			r.mu.Lock()
			waiting := len(r.ended)
			for _, e := range r.pending {
				if e.call.State == pbx.StateEnded && e.spooled != e.call.Version {
					waiting++
				}
			}
			r.mu.Unlock()
			if waiting == 0 {
				break
			}
		}
		fmt.Println("kept")
		select {}
	case "spool":
		s, _, err := openSpool(os.Getenv("RINGBOOK_TEST_SPOOL"), 1<<30)
		fail(err)
		for n := 0; ; n++ {
			_, err := s.append([]picture{{Call: ended(ringing(n, "1001"))}})
			fail(err)
			fmt.Println(n) // acknowledged
		}
	}
}

func spawn(t *testing.T, mode, spool, url string) (*exec.Cmd, io.WriteCloser, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RINGBOOK_TEST_CHILD="+mode, "RINGBOOK_TEST_SPOOL="+spool, "RINGBOOK_TEST_URL="+url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, in, bufio.NewScanner(out)
}

func expect(t *testing.T, out *bufio.Scanner, want string) {
	t.Helper()
	if !out.Scan() || out.Text() != want {
		t.Fatalf("child says %q, want %q (%v)", out.Text(), want, out.Err())
	}
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says only that it was killed
}
