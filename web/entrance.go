package web

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// entrance lets browsers in a few at a time, in the order in which they came. When thousands come back at once, after an
// upgrade or a cut of the network, looking up their sessions and drawing their first pictures must not take the processor and
// the database from the rings at the desks that are there already.
type entrance struct {
	places  chan struct{} // full when so many are being let in; who waits for a place gets it in order
	waiting atomic.Int64
}

// maxWaiting bounds how many browsers wait at the entrance; more are told to come back.
const maxWaiting = 10_000

var errCrowded = errors.New("too many browsers connect at this moment")

func newEntrance() *entrance {
	return &entrance{places: make(chan struct{}, 2*runtime.GOMAXPROCS(0))}
}

// enter waits for a place. Whoever gets one calls leave when it is in, or gives up; calling it again does nothing. The error
// is errCrowded or ctx's.
func (e *entrance) enter(ctx context.Context) (leave func(), err error) {
	leave = sync.OnceFunc(func() { <-e.places })
	select {
	case e.places <- struct{}{}:
		return leave, nil
	default:
	}
	defer e.waiting.Add(-1)
	if e.waiting.Add(1) > maxWaiting {
		return nil, errCrowded
	}
	select {
	case e.places <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
