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
