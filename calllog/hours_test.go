package calllog

import (
	"testing"
	"time"
)

func TestHours_Next(t *testing.T) {
	t.Parallel()
	zone := tehran(t)
	// 2026-11-23 is a Monday.
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, zone) }
	const week = "sat-wed 8-20, thu 8:30-13"
	for _, x := range []struct {
		hours    string
		at, want time.Time
	}{
		{"8-20", at(23, 8, 0), at(23, 8, 0)},
		{"8-20", at(23, 19, 59), at(23, 19, 59)},
		{"8-20", at(23, 20, 0), at(24, 8, 0)},
		{"0-24", at(23, 3, 0), at(23, 3, 0)},
		{week, at(23, 21, 0), at(24, 8, 0)},
		{week, at(26, 7, 0), at(26, 8, 30)},
		{week, at(26, 13, 0), at(28, 8, 0)}, // after Thursday's end: Friday is none
		{week, at(27, 12, 0), at(28, 8, 0)},
		{"Mon 9-10", at(23, 10, 0), at(30, 9, 0)},
		{"8-20, fri 10-12", at(27, 8, 0), at(27, 10, 0)},
	} {
		if got := hours(t, x.hours).next(x.at.UTC()); !got.Equal(x.want) {
			t.Errorf("%s: after %s comes %s, want %s", x.hours, x.at, got.In(zone), x.want)
		}
	}
	if got := (Hours{}).next(at(23, 3, 0)); !got.Equal(at(23, 3, 0)) {
		t.Errorf("without hours: %s", got)
	}
	// Until 2022 the clocks of Iran were set at midnight.
	if got, want := hours(t, "8-20").next(time.Date(2022, 3, 21, 23, 0, 0, 0, zone)), time.Date(2022, 3, 22, 8, 0, 0, 0, zone); !got.Equal(want) {
		t.Errorf("in the night in which the clocks are set: %s, want %s", got, want)
	}
}

func TestParseHours_BadInput(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "8", "20-8", "8-8", "8-25", "8-24:30", "8:60-9", "8:5-9", "-1-5", "xyz 8-20", "sat-xyz 8-20", "8-20,", "sat 8-20 9-10", "8-20-22", "24-24"} {
		if h, err := ParseHours(text, time.UTC); err == nil {
			t.Errorf("%q is %+v", text, h.days)
		}
	}
}
