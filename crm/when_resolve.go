package crm

import (
	"strconv"
	"strings"
	"time"

	jalaali "github.com/jalaali/go-jalaali"
)

// resolve makes a moment of what was said. It may lie in the past.
func (r *whenReader) resolve() (When, WhenFault) {
	switch {
	case r.rightNow:
		return When{At: r.now.Truncate(time.Minute).Add(time.Minute)}, ""
	case r.span != 0:
		return When{At: r.now.Add(r.span).Truncate(time.Minute)}, ""
	case r.part == partEnd && (r.minute != nil || r.ampm != 0):
		return When{}, WhenUnclear
	}
	today := civil(r.now.Date())
	day, fault := r.resolveDay(today)
	if fault != "" {
		return When{}, fault
	}
	said := r.hasDay()
	if r.minute == nil && !r.hasPart() {
		if !said {
			return When{}, WhenUnclear
		}
		return r.dayOnly(day, today), ""
	}
	minute, fault := r.resolveMinute()
	if fault != "" {
		return When{}, fault
	}
	w := r.moment(day, minute)
	if w.At.After(r.now) {
		return w, ""
	}
	switch {
	case !said:
		return r.moment(day.AddDate(0, 0, 1), minute), ""
	case day.Equal(today) && r.minute != nil && r.twelve && !r.whole && !r.hasPart():
		if other := r.moment(day, (minute+12*60)%(24*60)); other.At.After(r.now) {
			return other, ""
		}
	}
	return w, ""
}

func (r *whenReader) hasPart() bool { return r.part != 0 || r.ampm != 0 }

// dayOnly is a day without a time.
func (r *whenReader) dayOnly(day, today time.Time) When {
	w := r.moment(day, dayBegins)
	if day.Equal(today) {
		if w = r.moment(day, dayEnds); !w.At.After(r.now) {
			w = r.moment(day, 24*60-1)
		}
	}
	w.DayOnly = true
	return w
}

// resolveDay finds the day; today where none was said.
func (r *whenReader) resolveDay(today time.Time) (time.Time, WhenFault) {
	switch {
	case r.day != nil:
		day, ok := r.resolveDate(today)
		if !ok || (r.weekday != nil && day.Weekday() != *r.weekday) {
			return day, WhenNoDay
		}
		return day, ""
	case r.ahead != nil:
		return today.AddDate(0, 0, *r.ahead), ""
	case r.months != nil:
		first := r.monthLater(today, *r.months, 1)
		if r.part == partEnd {
			first = r.monthLater(first, 1, 1).AddDate(0, 0, -1)
		}
		return first, ""
	case r.weekday != nil:
		var week time.Time
		switch {
		case r.weeks != nil:
			week = today.AddDate(0, 0, 7**r.weeks)
		case r.spans[unitWeek] != 0:
			week = today.AddDate(0, 0, 7*min(r.spans[unitWeek], tooFar))
		default:
			days := (int(*r.weekday) - int(today.Weekday()) + 7) % 7
			if days == 0 {
				days = 7
			}
			return today.AddDate(0, 0, days), ""
		}
		return saturday(week).AddDate(0, 0, (int(*r.weekday)+1)%7), ""
	case r.weeks != nil:
		if *r.weeks == 0 { // "this week" is no day
			return today, WhenUnclear
		}
		return saturday(today).AddDate(0, 0, 7**r.weeks), ""
	}
	day := today
	if months := 12*min(r.spans[unitYear], tooFar) + min(r.spans[unitMonth], tooFar); months > 0 {
		day = r.monthLater(day, months, 0)
	}
	return day.AddDate(0, 0, 7*min(r.spans[unitWeek], tooFar)+min(r.spans[unitDay], tooFar)), ""
}

// tooFar is a number of days, weeks or years beyond which everything is too far ahead, and that no calendar fails at.
const tooFar = 5000

// resolveDate finds a date that was written, the next with that name where it has no year.
func (r *whenReader) resolveDate(today time.Time) (time.Time, bool) {
	d := *r.day
	if d.year != 0 {
		return d.gregorian()
	}
	if d.month == 0 {
		for months := range 13 {
			if day := r.monthLater(today, months, d.day); !day.Before(today) && r.dayOfMonth(day) == d.day {
				return day, true
			}
		}
		return today, false
	}
	d.year = today.Year()
	if d.jalali {
		d.year, _, _, _ = jalaali.ToJalaali(today.Date())
	}
	for range 9 { // as long as a leap day may be away
		if day, ok := d.gregorian(); ok && !day.Before(today) {
			return day, true
		}
		d.year++
	}
	return today, false
}

// monthLater is a day so many months on in the calendar of the language: that day of the month, or its last where it is shorter;
// 0: the same one.
func (r *whenReader) monthLater(from time.Time, months, day int) time.Time {
	y, m, d := from.Year(), int(from.Month()), from.Day()
	jalali := r.lang == "fa"
	if jalali {
		jy, jm, jd, _ := jalaali.ToJalaali(from.Date())
		y, m, d = jy, int(jm), jd
	}
	if day != 0 {
		d = day
	}
	m += months - 1
	w := writtenDay{year: min(y+m/12, 3000), month: m%12 + 1, day: d, jalali: jalali}
	for w.day > 1 {
		if at, ok := w.gregorian(); ok {
			return at
		}
		w.day--
	}
	at, _ := w.gregorian()
	return at
}

func (r *whenReader) dayOfMonth(day time.Time) int {
	if r.lang == "fa" {
		_, _, d, _ := jalaali.ToJalaali(day.Date())
		return d
	}
	return day.Day()
}

// saturday is the first day of a day's week.
func saturday(day time.Time) time.Time { return day.AddDate(0, 0, -(int(day.Weekday())+1)%7) }

// civil is a day, apart from any zone.
func civil(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// night is when the night of a day ends, in minutes of the next: «شنبه ۲ شب» is in the night from Saturday to Sunday.
const night = 5 * 60

// resolveMinute finds the minute of the day; beyond 24 hours it is in the night that follows.
func (r *whenReader) resolveMinute() (int, WhenFault) {
	if r.minute == nil {
		part := r.part
		if part == 0 {
			part = r.ampm
		}
		if r.part != 0 && r.ampm != 0 {
			return 0, WhenUnclear
		}
		return partMinute[part], ""
	}
	m, settled := *r.minute, !r.twelve
	if r.twelve && (!r.whole || r.hasPart()) {
		m %= 12 * 60
	}
	if r.ampm != 0 {
		if !settled && r.ampm == partAfternoon {
			m += 12 * 60
		}
		if (m >= 12*60) != (r.ampm == partAfternoon) {
			return 0, WhenNoTime
		}
		settled = true
	}
	if r.part != 0 {
		return inPart(m, r.part, settled)
	}
	if !settled && !r.whole && m < workBegins*60 {
		m += 12 * 60
	}
	return m, ""
}

// inPart places a time in its part of the day. A time that is not settled could be of either half.
func inPart(m int, p dayPart, settled bool) (int, WhenFault) {
	from, to := 0, 12*60 // when the part is, from the beginning of its day
	switch p {
	case partNoon:
		from, to = 11*60, 16*60
	case partAfternoon, partLate:
		from, to = 12*60, 24*60
	case partEvening, partNight:
		from, to = 17*60, 24*60+night
	case partMidnight:
		from, to = 23*60, 24*60+night
	}
	step := 12 * 60
	if settled {
		step = 24 * 60
	}
	for ; m < to; m += step {
		if m >= from {
			return m, ""
		}
	}
	return 0, WhenNoTime
}

// moment is a minute of a day in the zone.
func (r *whenReader) moment(day time.Time, minute int) When {
	wall := day.Add(time.Duration(minute) * time.Minute)
	loc := r.now.Location()
	guess := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, loc)
	offsets := []time.Time{guess}
	begin, end := guess.ZoneBounds()
	if !begin.IsZero() && guess.Sub(begin) < 26*time.Hour {
		offsets = append(offsets, begin.Add(-time.Second))
	}
	if !end.IsZero() && end.Sub(guess) < 26*time.Hour {
		offsets = append(offsets, end)
	}
	// Each offset around makes a moment of the wall's time. Right are those at which it is the offset.
	var right []time.Time
	last := guess
	for _, o := range offsets {
		_, seconds := o.Zone()
		at := time.Unix(wall.Unix()-int64(seconds), 0).In(loc)
		if _, is := at.Zone(); is == seconds {
			right = append(right, at)
		}
		if at.After(last) {
			last = at
		}
	}
	if len(right) == 0 { // skipped: by the offset before, it is as much later as the clocks are set forward
		return When{At: last, Moved: true}
	}
	best := right[0]
	for _, at := range right[1:] {
		earlier := at.Before(best)
		if ahead, bestAhead := at.After(r.now), best.After(r.now); ahead != bestAhead {
			earlier = ahead
		}
		if earlier {
			best = at
		}
	}
	return When{At: best}
}

// numericDay reads a day that is written in numbers alone. The size of its year tells the calendar.
func (r *whenReader) numericDay(t whenToken) (writtenDay, bool) {
	parts := strings.FieldsFunc(t.text, func(c rune) bool { return c == '/' || c == '-' || c == '.' })
	n := make([]int, len(parts))
	for i, p := range parts {
		n[i], _ = strconv.Atoi(p) // at most four digits
	}
	var d writtenDay
	switch {
	case len(n) == 2 && r.lang == "fa":
		d = writtenDay{month: n[0], day: n[1], jalali: true}
	case len(n) == 2:
		d = writtenDay{day: n[0], month: n[1]}
	case len(parts[0]) == 4:
		d = writtenDay{year: n[0], month: n[1], day: n[2]}
	case len(parts[2]) == 4:
		d = writtenDay{year: n[2], month: n[1], day: n[0]}
	default:
		return d, false
	}
	if d.year > 0 {
		d.jalali = d.year < 1700
	}
	return d, d.month >= 1 && d.month <= 12
}

// gregorian is ok for a day that its calendar has.
func (d writtenDay) gregorian() (day time.Time, ok bool) {
	if d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 || d.year < 1 || d.year > 9999 {
		return time.Time{}, false
	}
	if d.jalali {
		// The library's calendar ends with the year 3177.
		length, err := jalaali.MonthLength(d.year, d.month)
		if err != nil || d.day > length {
			return time.Time{}, false
		}
		y, m, n, err := jalaali.ToGregorian(d.year, jalaali.Month(d.month), d.day)
		return civil(y, m, n), err == nil
	}
	day = civil(d.year, time.Month(d.month), d.day)
	return day, day.Day() == d.day
}
