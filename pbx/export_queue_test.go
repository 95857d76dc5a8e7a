package pbx

import (
	"time"

	"ringbook/pbx/ami"
)

// FoldQueueEvents gives the last pictures of the queues of a PBX that has one, "support", and then said events. An event that
// is a part of a list ("QueueMember", "QueueEntry") is part of another survey.
func FoldQueueEvents(events []ami.Event) []Queue {
	b := newQueueBoard("main", nil)
	at := time.Unix(1795382312, 0)
	params := ami.Event{Name: "QueueParams", Fields: []ami.Field{{Key: "Queue", Value: "support"}}}
	b.survey([]ami.Event{params}, at)
	for i := range events {
		at = at.Add(time.Second)
		switch events[i].Name {
		case "QueueMember", "QueueEntry":
			b.survey([]ami.Event{params, events[i], events[i]}, at)
		default:
			b.event(&events[i], at)
		}
	}
	var all []Queue
	for _, q := range b.queues {
		all = append(all, q.picture())
	}
	return all
}
