package calllog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Hours are when customers may be called back, by the days of the week. The zero value is always.
type Hours struct {
	zone *time.Location // nil: always
	days [7]dayHours    // by time.Weekday
}

// dayHours is from when to when, in minutes after midnight; both 0: not on that day.
type dayHours struct{ from, to int }

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseHours reads hours as an administrator writes them, of a time zone: "8-20" is every day, "sat-wed 8-20, thu 8:30-13" only
// on the days named, and the later word counts where a day is named twice.
func ParseHours(text string, zone *time.Location) (Hours, error) {
	h := Hours{zone: zone}
	for part := range strings.SplitSeq(text, ",") {
		words := strings.Fields(strings.ToLower(part))
		first, last := 0, 6
		if len(words) == 2 {
			from, to, ranged := strings.Cut(words[0], "-")
			if !ranged {
				to = from
			}
			if first, last = slices.Index(weekdays, from), slices.Index(weekdays, to); first < 0 || last < 0 {
				return Hours{}, fmt.Errorf("%q are no days", words[0])
			}
			words = words[1:]
		}
		if len(words) != 1 {
			return Hours{}, fmt.Errorf("%q are no hours", strings.TrimSpace(part))
		}
		from, to, _ := strings.Cut(words[0], "-")
		day := dayHours{clock(from), clock(to)}
		if day.from < 0 || day.to <= day.from {
			return Hours{}, fmt.Errorf("%q are no hours", words[0])
		}
		for d := first; ; d = (d + 1) % 7 {
			if h.days[d] = day; d == last {
				break
			}
		}
	}
	return h, nil
}

// clock reads a time of day, as "8" or "8:30", in minutes; -1: it is none.
func clock(s string) int {
	hour, minute, colon := strings.Cut(s, ":")
	if !colon {
		minute = "00"
	}
	h, err := strconv.ParseUint(hour, 10, 8)
	m, err2 := strconv.ParseUint(minute, 10, 8)
	if at := int(h*60 + m); err == nil && err2 == nil && len(minute) == 2 && m < 60 && at <= 24*60 {
		return at
	}
	return -1
}

// next is the first time within the hours, at or after one.
func (h Hours) next(at time.Time) time.Time {
	if h.zone == nil {
		return at
	}
	y, m, d := at.In(h.zone).Date()
	for i := range 8 { // a week, and today's hours of before
		day := h.days[time.Date(y, m, d+i, 12, 0, 0, 0, h.zone).Weekday()]
		opens, closes := time.Date(y, m, d+i, 0, day.from, 0, 0, h.zone), time.Date(y, m, d+i, 0, day.to, 0, 0, h.zone)
		switch {
		case day.to == 0 || !at.Before(closes):
		case at.Before(opens):
			return opens
		default:
			return at
		}
	}
	return at
}
