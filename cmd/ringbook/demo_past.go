package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
)

const (
	pastCalls = 600
	pastDays  = 14
)

// seedCalls writes two weeks of invented calls through the recorder itself, unless the log has calls already.
func seedCalls(ctx context.Context, database *db.DB, store *crm.Store, spool string, s Settings, now time.Time, log *slog.Logger) error {
	calls := calllog.NewStore(database, store)
	if page, err := calls.Calls(ctx, crm.System, calllog.Filter{Limit: 1}); err != nil || len(page.Items) > 0 {
		return err
	}
	if err := store.Refresh(ctx); err != nil { // the recorder asks who has which extension
		return err
	}
	recorder, err := calllog.NewRecorder(calllog.RecorderConfig{
		DB: database, Spool: spool, Directory: store.Directory(), Match: store.Match, Learn: store.LearnQueues, Log: log,
		Normalise: func(pbx, trunk, raw string) crm.Number {
			return crm.ParseNumber(raw, s.Numbering.Rules(pbx, trunk))
		},
	})
	if err != nil {
		return err
	}
	writing, stop := context.WithCancel(ctx)
	written := make(chan error, 1)
	go func() { written <- recorder.Run(writing) }()
	for _, call := range inventCalls(now) {
		recorder.Update(call)
	}
	err = recorder.Sync(ctx)
	stop()
	if ended := <-written; err == nil && ended != nil && ctx.Err() == nil && writing.Err() == nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("write the demo's past calls: %w", err)
	}
	return os.RemoveAll(spool)
}

// inventCalls are the calls of the last two weeks, in working hours, oldest first. The same day gives the same calls.
func inventCalls(now time.Time) []pbx.Call {
	random := rand.New(rand.NewPCG(98, 21))
	known := crm.DemoNumbers(400)
	var calls []pbx.Call
	step := pastDays * 24 * time.Hour / pastCalls
	for i := range pastCalls {
		start := now.Add(-pastDays*24*time.Hour + time.Duration(i)*step + time.Duration(random.Int64N(int64(step)))).Truncate(time.Millisecond)
		if start.After(now.Add(-5 * time.Minute)) {
			break
		}
		number := fmt.Sprintf("0935%07d", random.IntN(10_000_000))
		if len(known) > 0 && random.IntN(5) > 0 {
			number = national(known[random.IntN(len(known))])
		}
		calls = append(calls, inventCall(random, i, start, number))
	}
	return calls
}

// inventCall is one call that has ended.
func inventCall(random *rand.Rand, n int, start time.Time, number string) pbx.Call {
	seconds := func(from, to int) time.Duration {
		return time.Duration(from+random.IntN(to-from))*time.Second + time.Duration(random.IntN(1000))*time.Millisecond
	}
	extension := demoExtensions[random.IntN(len(demoExtensions))]
	root := fmt.Sprintf("%d.%d", start.Unix(), n)
	customer := pbx.Leg{ID: root, Channel: fmt.Sprintf("PJSIP/trunk-%08x", 2*n), Role: pbx.RoleCustomer, Number: number, OfferedAt: start}
	agent := pbx.Leg{ID: fmt.Sprintf("%d.%d", start.Unix(), n+pastCalls), Channel: fmt.Sprintf("PJSIP/%s-%08x", extension, 2*n+1), Role: pbx.RoleAgent, Extension: extension}
	call := pbx.Call{
		ID: pbx.CallID("demo", root, start), PBX: "demo", Direction: pbx.Inbound, State: pbx.StateEnded, Trunk: "PJSIP/trunk",
		Caller: pbx.Party{Number: number}, Dialed: "91001234", StartedAt: start,
	}
	ring := seconds(3, 15)
	talk := seconds(20, 400)
	answered := random.IntN(10) < 8
	if random.IntN(3) == 0 { // outbound
		call.Direction, call.Caller, call.Dialed = pbx.Outbound, pbx.Party{Number: extension}, number
		agent.OfferedAt, agent.AnsweredAt = start, start
		customer.OfferedAt = start.Add(time.Second)
	} else {
		if random.IntN(2) == 0 {
			call.Queue = "support"
		}
		agent.OfferedAt = start.Add(500 * time.Millisecond)
		customer.AnsweredAt = start
	}
	end := start.Add(ring)
	switch {
	case answered:
		call.Outcome, call.AnsweredAt, call.Talk = pbx.Answered, end, talk
		agent.AnsweredAt, customer.AnsweredAt = end, end
		agent.Talk, customer.Talk = talk, talk
		agent.End, customer.End = pbx.EndHungUp, pbx.EndHungUp
		agent.Spans = []pbx.Span{{Kind: pbx.SpanTalk, From: end, To: end.Add(talk)}}
		customer.Spans = agent.Spans
		end = end.Add(talk)
		call.Hangup = pbx.Hangup{By: pbx.ByCaller, Cause: 16, Text: "Normal Clearing"}
	case call.Direction == pbx.Outbound:
		call.Outcome = []pbx.Outcome{pbx.Busy, pbx.Cancelled, pbx.Failed}[random.IntN(3)]
		agent.End, customer.End = pbx.EndHungUp, pbx.EndNoAnswer
		call.Hangup = pbx.Hangup{By: pbx.ByAgent, Cause: 17, Text: "User busy"}
	default:
		call.Outcome = pbx.Missed
		if call.Queue != "" {
			call.Outcome = pbx.Abandoned
		}
		agent.End, customer.End = pbx.EndNoAnswer, pbx.EndHungUp
		call.Hangup = pbx.Hangup{By: pbx.ByCaller, Cause: 16, Text: "Normal Clearing"}
	}
	call.Wait = ring
	agent.EndedAt, customer.EndedAt, call.EndedAt = end, end, end
	call.Legs = []pbx.Leg{customer, agent}
	if answered && call.Direction == pbx.Inbound && random.IntN(6) == 0 {
		handOver(&call, seconds, random)
	}
	call.Version = end.UnixMicro()
	call.ReceivedAt = end
	return call
}

// handOver has the agent of an answered call pass it on to a colleague, before its end: blindly after looking something up,
// or after asking the colleague while the customer is on hold.
func handOver(call *pbx.Call, seconds func(from, to int) time.Duration, random *rand.Rand) {
	customer, first := &call.Legs[0], &call.Legs[1]
	to := first.Extension
	for to == first.Extension {
		to = demoExtensions[random.IntN(len(demoExtensions))]
	}
	var spans []pbx.Span // of the first agent
	at := call.AnsweredAt
	stretch := func(kind pbx.SpanKind, d time.Duration) {
		spans = append(spans, pbx.Span{Kind: kind, From: at, To: at.Add(d)})
		at = at.Add(d)
	}
	next := pbx.Leg{
		ID: first.ID + "1", Channel: fmt.Sprintf("PJSIP/%s-%08x", to, random.IntN(1<<16)), Role: pbx.RoleAgent, Extension: to,
		End: pbx.EndHungUp, Parent: first.ID,
	}
	x := pbx.Transfer{Kind: pbx.Blind, By: first.Extension, To: to}
	stretch(pbx.SpanTalk, seconds(20, 90))
	heard := len(spans) // of these, by the customer too
	if random.IntN(2) == 0 {
		stretch(pbx.SpanHold, seconds(10, 40))
		stretch(pbx.SpanTalk, seconds(5, 20))
		heard = len(spans)
		next.OfferedAt = at.Add(300 * time.Millisecond)
		next.AnsweredAt = next.OfferedAt.Add(seconds(3, 12))
	} else {
		x.Kind = pbx.Attended
		next.OfferedAt = at.Add(time.Second)
		next.AnsweredAt = next.OfferedAt.Add(seconds(3, 12))
		stretch(pbx.SpanHold, next.AnsweredAt.Sub(at)+seconds(5, 20))
	}
	x.At = at
	first.EndedAt, first.End, first.Spans = at, pbx.EndTransferred, spans
	joined := next.AnsweredAt
	if at.After(joined) {
		joined = at
	}
	end := joined.Add(seconds(30, 200))
	next.EndedAt, customer.EndedAt, call.EndedAt = end, end, end
	next.Spans = []pbx.Span{{Kind: pbx.SpanTalk, From: next.AnsweredAt, To: end}}
	customer.Spans = nil
	for _, s := range spans[:heard] {
		if s.Kind == pbx.SpanHold {
			s.Kind = pbx.SpanHeld
		}
		customer.Spans = append(customer.Spans, s)
	}
	customer.Spans = append(customer.Spans, pbx.Span{Kind: pbx.SpanTalk, From: joined, To: end})
	call.Legs, call.Transfers = append(call.Legs, next), []pbx.Transfer{x}
	for i := range call.Legs {
		l := &call.Legs[i]
		l.Talk, l.Hold = 0, 0
		for _, s := range l.Spans {
			l.Talk += s.To.Sub(s.From)
			if s.Kind == pbx.SpanHold {
				l.Hold += s.To.Sub(s.From)
			}
		}
	}
	call.Talk, call.Hold = call.Legs[1].Talk+call.Legs[2].Talk, call.Legs[1].Hold
}
