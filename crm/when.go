package crm

import (
	"cmp"
	"time"
)

// When is a due time, read from what a person wrote.
type When struct {
	At      time.Time // whole minutes, in the zone in which it was read
	DayOnly bool      // a day was written and no time of it: At is when its work begins, and for today when it ends
	Moved   bool      // the clocks are set forward over the time that was written: At is as much later
}

// WhenFault says why a due time could not be read. It is stable, and its words say what would be right.
type WhenFault string

// What can be wrong with a due time.
const (
	WhenUnclear WhenFault = "unclear" // not understood, or it says two things
	WhenNoDay   WhenFault = "no_day"  // 31 Mehr, 30 February; a weekday that its date does not have
	WhenNoTime  WhenFault = "no_time" // 25:00, 9:75, 13 o'clock in the morning
	WhenPast    WhenFault = "past"
	WhenFar     WhenFault = "far" // more than ten years on
)

// Error says what would be right.
func (f WhenFault) Error() string {
	switch f {
	case WhenNoDay:
		return "names a day that the calendar does not have"
	case WhenNoTime:
		return "names a time that the day does not have"
	case WhenPast:
		return "is in the past"
	case WhenFar:
		return "is more than ten years ahead"
	}
	return "is no due time that is understood: write a day, a time or both, as tomorrow 10:00, Saturday afternoon, in 2 hours, 15 Dey 16:30"
}

// The working day, for times that are not wholly said. It holds each hour of a twelve-hour clock once.
const (
	workBegins = 8  // 8 is the first hour that is taken for one of the morning,
	workEnds   = 20 // and 7 the last that is taken for one of the evening
	dayBegins  = 9 * 60
	dayEnds    = 17 * 60
	longest    = 10 // years
)

// ReadWhen reads a due time as people write it in Persian and in English, whichever the language of the page is: only days
// that are written 9/2 are read by language, as month and day of the Jalali calendar for "fa", as day and month of the
// Gregorian one else. Now is the moment it is asked, in the zone in which it is meant. The error is a WhenFault. Pure.
//
//   - Digits may be Persian, Arabic or ASCII, letters Arabic or Persian; half-spaces and diacritics do not matter.
//   - An hour without a half of the day is the one of working hours, 8 to 20: 9 is in the morning, 5 in the afternoon. For
//     today it is the next that is still to come. With two digits as a clock shows it (05:30, 17:30) it stands as it is.
//   - A time without a day is today's, or tomorrow's when it is past; a day without a time begins at nine, and today ends at 17.
//   - Weeks begin on Saturday. "Monday" is the next one and never today; "next Monday" and «دوشنبه هفته بعد» are in next week.
//   - A day without a year is the next one with that name.
//   - In the hour that clocks skip a time is as much later as they are set forward (Moved); of an hour that they repeat it is
//     the first one, or the second if only that is still to come.
func ReadWhen(text, lang string, now time.Time) (When, error) {
	w, fault := readWhen(text, lang, now)
	switch {
	case fault != "":
		return When{}, fault
	case !w.At.After(now):
		return When{}, WhenPast
	case w.At.After(now.AddDate(longest, 0, 0)):
		return When{}, WhenFar
	}
	return w, nil
}

// readWhen reads a time that may lie anywhere.
func readWhen(text, lang string, now time.Time) (When, WhenFault) {
	if at, ok := instant(text); ok {
		return When{At: at.In(now.Location()).Truncate(time.Minute)}, ""
	}
	r := whenReader{tokens: whenTokens(text), lang: lang, now: now}
	if len(r.tokens) == 0 {
		return When{}, WhenUnclear
	}
	for r.i < len(r.tokens) {
		if !r.next() {
			return When{}, cmp.Or(r.fault, WhenUnclear)
		}
	}
	if r.contradicts() {
		return When{}, WhenUnclear
	}
	return r.resolve()
}
