package main

import (
	"context"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/screenpop"
)

// history shows the call log to the board: the two packages do not know each other, and mean the same.
type history struct{ calls *calllog.Store }

func (h history) LastCalls(ctx context.Context, customers []uuid.UUID, number string, limit int) ([]screenpop.PastCall, error) {
	calls, err := h.calls.LastCalls(ctx, customers, number, limit)
	if err != nil {
		return nil, err
	}
	past := make([]screenpop.PastCall, len(calls))
	for i, call := range calls {
		past[i] = screenpop.PastCall(call)
	}
	return past, nil
}

func (h history) Annotation(ctx context.Context, call uuid.UUID) (screenpop.Annotation, error) {
	annotation, err := h.calls.Annotation(ctx, call)
	return screenpop.Annotation(annotation), err
}

// toDo shows the follow-ups to the board.
type toDo struct{ followUps *calllog.FollowUps }

func (d toDo) Agendas(ctx context.Context, owners []uuid.UUID) ([]screenpop.Agenda, error) {
	read, err := d.followUps.Agendas(ctx, owners)
	if err != nil {
		return nil, err
	}
	agendas := make([]screenpop.Agenda, len(read))
	for i, a := range read {
		agendas[i] = screenpop.Agenda{Items: shown(a.Items), Overdue: a.Overdue, Today: a.Today, Ends: a.Ends}
	}
	return agendas, nil
}

func (d toDo) Promises(ctx context.Context, customers []uuid.UUID, number string, limit int) ([]screenpop.FollowUp, error) {
	list, err := d.followUps.Promises(ctx, customers, number, limit)
	return shown(list), err
}

func shown(list []calllog.OpenFollowUp) []screenpop.FollowUp {
	items := make([]screenpop.FollowUp, len(list))
	for i, f := range list {
		items[i] = screenpop.FollowUp(f)
	}
	return items
}
