package main

import (
	"context"
	"time"

	"ringbook/crm"
	"ringbook/pbx"
	"ringbook/web"
)

// missingEvery is how often the queues that are known are held against those that the exchanges have: one that disappeared
// while nobody listened is told by nothing else.
const missingEvery = time.Minute

// hearQueues has the store learn what the exchanges say of their queues.
func hearQueues(exchanges []*pbx.Exchange, store *crm.Store) {
	for _, x := range exchanges {
		x.OnQueue(func(_ context.Context, q pbx.Queue) {
			if q.Known {
				store.HearQueue(told(q))
			}
		})
	}
}

func told(q pbx.Queue) crm.QueueTold {
	return crm.QueueTold{PBX: q.PBX, Name: q.Name, Strategy: q.Strategy, ServiceLevel: q.ServiceLevel, Gone: q.Gone}
}

// missQueues tells the store, until ctx ends, of queues that exchanges no longer have. An exchange that tells of none at all
// says nothing: its manager may not be allowed to.
func missQueues(ctx context.Context, exchanges []*pbx.Exchange, store *crm.Store) error {
	tick := time.NewTicker(missingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, x := range exchanges {
			if queues, known := x.Queues(); known && len(queues) > 0 {
				for _, gone := range missing(store.Directory().Queues(), x.Name(), queues) {
					store.HearQueue(gone)
				}
			}
		}
	}
}

// missing are the queues that are known of an exchange and which it has not.
func missing(known []crm.Queue, exchange string, has []pbx.Queue) []crm.QueueTold {
	there := make(map[[16]byte]bool, len(has))
	for i := range has {
		there[crm.QueueID(exchange, has[i].Name)] = true
	}
	var gone []crm.QueueTold
	for i := range known {
		if q := &known[i]; q.PBX == exchange && q.GoneAt == nil && !there[q.ID] {
			gone = append(gone, crm.QueueTold{PBX: q.PBX, Name: q.Name, Gone: true})
		}
	}
	return gone
}

// liveQueues are the queues of all exchanges as they are now.
func liveQueues(exchanges []*pbx.Exchange) []web.LiveQueues {
	live := make([]web.LiveQueues, len(exchanges))
	for i, x := range exchanges {
		live[i].PBX = x.Name()
		var known bool
		if live[i].Queues, known = x.Queues(); known {
			continue
		}
		live[i].Unknown = pbx.AMINeeded
		if _, configured := x.AMI(); configured {
			live[i].Unknown = pbx.AMIAway
		}
	}
	return live
}

// toldQueues are the queues of all exchanges that tell what goes on in them.
func toldQueues(exchanges []*pbx.Exchange) (all []pbx.Queue) {
	for _, x := range exchanges {
		queues, _ := x.Queues()
		all = append(all, queues...)
	}
	return all
}
