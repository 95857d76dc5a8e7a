package pbx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"ringbook/pbx/ami"
)

// ErrNoMember says that an extension is in none of the PBX's queues.
var ErrNoMember = errors.New("no queue has this extension as a member")

// maxPauseReason is what Asterisk keeps of a reason, in bytes (apps/app_queue.c, struct member).
const maxPauseReason = 79

// Pause pauses or unpauses an extension in all of the PBX's queues. reason is in words, for the PBX's own records; see
// PauseReason. When it returns nil the PBX has done it, and the pictures of the queues show it presently. It fails with
// ErrNoMember, or with an *ami.Error: ami.ErrDown also where there is no manager.
func (x *Exchange) Pause(ctx context.Context, extension string, paused bool, reason string) error {
	queues, known := x.Queues()
	if !known {
		return &ami.Error{Action: "QueuePause", Err: ami.ErrDown}
	}
	var interfaces []string
	for i := range queues {
		for _, m := range queues[i].Members {
			if m.Extension == extension && !slices.Contains(interfaces, m.Interface) {
				interfaces = append(interfaces, m.Interface)
			}
		}
	}
	if len(interfaces) == 0 {
		return ErrNoMember
	}
	for _, i := range interfaces {
		fields := []ami.Field{{Key: "Interface", Value: i}, {Key: "Paused", Value: fmt.Sprint(paused)}}
		if said := PauseReason(reason); paused && said != "" {
			fields = append(fields, ami.Field{Key: "Reason", Value: said})
		}
		// One that has left all queues meanwhile is no failure.
		_, err := x.queues.client.Do(ctx, ami.Action{Name: "QueuePause", Fields: fields})
		if err != nil && !errors.Is(err, ami.ErrNotFound) {
			return fmt.Errorf("pause a member on the PBX %s: %w", x.name, err)
		}
	}
	return nil
}

// PauseReason is a reason as the PBX keeps it: on one line, and cut to its length.
func PauseReason(reason string) string {
	reason = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(reason, ""), func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	for len(reason) > maxPauseReason {
		_, size := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-size]
	}
	return strings.TrimSpace(reason)
}
