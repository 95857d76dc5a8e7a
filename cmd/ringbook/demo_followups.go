package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db"
)

// seedFollowUps gives the demo's sales team a morning's work, and the others something for the days to come, unless there are
// follow-ups already.
func seedFollowUps(ctx context.Context, database *db.DB, store *crm.Store, s Settings) error {
	calls := calllog.NewStore(database, store)
	followUps := calllog.NewFollowUps(calllog.FollowUpsConfig{
		DB: database, CRM: store, Calls: calls, Acts: calllog.NewActs(calllog.ActsConfig{DB: database, CRM: store, Calls: calls}), Zone: s.Zone,
	})
	for _, state := range []string{calllog.FollowUpsOpen, calllog.FollowUpsClosed} {
		page, err := followUps.List(ctx, crm.System, calllog.FollowUpFilter{State: state, Limit: 1})
		if err != nil || len(page.Items) > 0 {
			return err
		}
	}
	if err := store.Refresh(ctx); err != nil { // who is an agent, and whose each extension is
		return err
	}
	agents := map[string]crm.AgentRef{}
	for _, a := range store.Directory().Agents() {
		agents[a.Username] = a
	}
	now := time.Now().Truncate(time.Second)
	tomorrow := func(hour int) time.Time {
		y, m, d := now.In(s.Zone).Date()
		return time.Date(y, m, d+1, hour, 0, 0, 0, s.Zone)
	}
	numbers := crm.DemoNumbers(200)
	for i, f := range []struct {
		of       string // an agent; with a + the agent's team
		kind     calllog.FollowUpKind
		title    string
		note     string
		priority calllog.FollowUpPriority
		due      time.Time
		done     bool
	}{
		{of: "amir", kind: calllog.FollowUpCallback, title: "پیگیری پیش‌فاکتور", note: "گفت تا امروز تصمیم می‌گیرد.", priority: calllog.PriorityHigh, due: now},
		{of: "amir", kind: calllog.FollowUpTask, title: "ارسال کاتالوگ", note: "نسخهٔ انگلیسی هم می‌خواهد.", due: now.Add(20 * time.Minute)},
		{of: "amir", kind: calllog.FollowUpCallback, title: "قیمت عمده", due: now.Add(2 * time.Hour)},
		{of: "amir", kind: calllog.FollowUpTask, title: "تمدید قرارداد", priority: calllog.PriorityLow, due: tomorrow(11)},
		{of: "amir", kind: calllog.FollowUpTask, title: "ثبت سفارش", due: now, done: true},
		{of: "+amir", kind: calllog.FollowUpCallback, title: "درخواست نمونه", note: "از نمایشگاه تماس گرفته بود.", due: now},
		{of: "+amir", kind: calllog.FollowUpCallback, title: "مشتری جدید", priority: calllog.PriorityHigh, due: now.Add(time.Hour)},
		{of: "reza", kind: calllog.FollowUpCallback, title: "یادآوری پرداخت", due: now.Add(40 * time.Minute)},
		{of: "neda", kind: calllog.FollowUpCallback, title: "نتیجهٔ تعمیر", note: "دستگاه دوم هم خراب شده است.", due: tomorrow(10)},
		{of: "+neda", kind: calllog.FollowUpCallback, title: "نصب در محل", due: tomorrow(14)},
	} {
		a, ok := agents[strings.TrimPrefix(f.of, "+")]
		if !ok || a.TeamID == nil || len(numbers) == 0 {
			continue // somebody has changed the demo
		}
		number := numbers[i*17%len(numbers)]
		who, err := store.Match(ctx, crm.Query{Raw: number})
		if err != nil {
			return fmt.Errorf("make the demo's follow-ups: %w", err)
		}
		in := calllog.FollowUpInput{
			Kind: f.kind, Title: f.title, Note: f.note, Priority: f.priority, DueAt: f.due, Owner: calllog.FollowUpOwner{AssigneeID: &a.ID},
		}
		if strings.HasPrefix(f.of, "+") {
			in.Owner = calllog.FollowUpOwner{TeamID: a.TeamID}
		}
		if f.kind == calllog.FollowUpCallback {
			in.Number = number
		}
		if who.Customer != nil {
			in.CustomerID = &who.Customer.ID
		}
		actor := crm.Actor{AgentID: a.ID, Username: a.Username, Role: a.Role, TeamID: a.TeamID}
		made, err := followUps.Create(ctx, actor, in)
		if err == nil && f.done {
			_, err = followUps.Done(ctx, actor, made.ID)
		}
		if err != nil {
			return fmt.Errorf("make the demo's follow-ups: %w", err)
		}
	}
	return nil
}
