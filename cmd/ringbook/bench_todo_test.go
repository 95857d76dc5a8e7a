package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/db"
)

// toDoHeading begins the section that BenchmarkToDo writes into the report.
const toDoHeading = "## A desk with three thousand open follow-ups"

// BenchmarkToDo measures a desk of somebody with very much to do beside one of somebody with nothing (P8). Run by make bench;
// RINGBOOK_BENCH_TODO is for how many seconds each rings.
func BenchmarkToDo(b *testing.B) {
	for b.Loop() {
		text := benchToDo(b)
		if *report != "" && !b.Failed() {
			if err := writeSection(*report, toDoHeading, text); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func benchToDo(b *testing.B) string {
	const each, desks, rate, turn = 3000, 50, 50, 2
	seconds := size("TODO", 10)
	house := newPopHouse(b, popHouseConfig{customers: 20_000, desks: desks, followUps: each})
	defer house.stop()
	// Two halves of the desks ring in turns, so that a slow moment of the machine hits both.
	many, none := *house, *house
	many.desks, none.first, none.desks = desks/2, desks/2, desks/2
	ring := 0
	rings := func(h *popHouse) []time.Duration {
		ring += rate * turn
		return h.measure(b, h.rings(ring-rate*turn, ring, rate, false), rate*turn)
	}
	rings(&many) // warms connections, caches and plans
	withMany := len(house.watch.frame())
	rings(&none)
	withNone := len(house.watch.frame())
	var pops, floors []time.Duration
	for done := 0; done < seconds; done += turn {
		pops, floors = append(pops, rings(&many)...), append(floors, rings(&none)...)
	}

	var read, readNone []time.Duration
	for i := range 400 {
		read = append(read, house.askAgenda(b, house.agents[i%(desks/2)]))
		readNone = append(readNone, house.askAgenda(b, house.agents[desks/2+i%(desks/2)]))
	}
	row := func(what string, many, none []time.Duration) string {
		var cells []string
		for _, share := range []float64{.5, .95, .99} {
			m, n := percentile(many, share), percentile(none, share)
			cells = append(cells, fmt.Sprintf("%s / %s (**%s**)", ms(m), ms(n), ratio(m, n)))
		}
		return fmt.Sprintf("| %s | %s |\n", what, strings.Join(cells, " | "))
	}
	b.ReportMetric(percentile(pops, .5).Seconds()*1e6, "many-p50-µs")
	b.ReportMetric(percentile(floors, .5).Seconds()*1e6, "none-p50-µs")
	return fmt.Sprintf(`%s

Written by `+"`make bench`"+` on %s. %d desks have %d open follow-ups each, of which a third is overdue and 30 are due today; %d have none. %d rings per second for %d s
at each, in turns of two seconds; the load average was %s. A frame of the former has %d bytes, of the latter %d. Each cell tells: with many / with none (ratio).

| | p50 | p95 | p99 |
|---|---|---|---|
%s%s
A ring asks the database for the follow-ups of the caller, beside the look-up of the last calls, and for none of the agent's: what the agent has to do is read when the
desk is opened and when it changes, some short walks along an index however many there are.
`, toDoHeading, time.Now().UTC().Format(time.DateOnly), desks/2, each, desks/2, rate, seconds, loadAverage(), withMany, withNone,
		row("event → pop with the customer", pops, floors), row("what an agent has to do is read", read, readNone))
}

// askAgenda reads what an agent has to do, and says how long that took.
func (h *popHouse) askAgenda(b *testing.B, agent uuid.UUID) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	began := time.Now()
	if _, err := h.followUps.Agendas(ctx, []uuid.UUID{agent}); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

// fillFollowUps gives every agent so many open follow-ups: a third overdue, thirty in the next half hour, the rest later.
func fillFollowUps(b testing.TB, database *db.DB, agents []uuid.UUID, each int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if _, err := database.Pool().Exec(ctx, `
		INSERT INTO follow_up (id, kind, title, note, state, assignee_id, due_at, offered_at, search)
		SELECT gen_random_uuid(), 'task', 'Ask about the offer ' || n, repeat('as agreed ', 20), 'due', a, due, CASE WHEN due <= now() THEN due END, ''
		FROM unnest($1::uuid[]) a, generate_series(1, $2::int) n, LATERAL (SELECT now() + CASE
			WHEN n <= $2 / 3 THEN n * interval '-1 hour' WHEN n <= $2 / 3 + 30 THEN (n - $2 / 3) * interval '1 minute'
			ELSE interval '1 day' + n * interval '1 hour' END AS due) d`, agents, each); err != nil {
		b.Fatal(err)
	}
	if _, err := database.Pool().Exec(ctx, `ANALYZE follow_up`); err != nil {
		b.Fatal(err)
	}
}
