package crm

import "time"

// whenReader goes through the words of a due time once and notes what each says. Nothing may be said twice.
type whenReader struct {
	tokens []whenToken
	i      int
	lang   string
	now    time.Time
	fault  WhenFault // set where more is known than that it is unclear

	rightNow bool
	span     time.Duration // "in 2 hours"
	spans    map[whenUnit]int
	unit     whenUnit // of the last length of time; 0: there is none
	later    bool     // the length of time is said to begin now

	ahead   *int // days from today
	weekday *time.Weekday
	weeks   *int // the week from this one
	months  *int // the month from this one
	nextOne bool // "next", and its word is still to come
	day     *writtenDay

	minute *int // of the day
	twelve bool // its hour is one of a twelve-hour clock,
	whole  bool // but written as a clock of 24 hours shows it
	part   dayPart
	ampm   dayPart // the half of the day: partMorning or partAfternoon
}

// writtenDay is a date as it was written. A year of 0 was not.
type writtenDay struct {
	year, month, day int // month 0: only the day of some month
	jalali           bool
}

// next reads one thing; false: it is not understood.
func (r *whenReader) next() bool {
	t := r.tokens[r.i]
	switch t.kind {
	case tokenDate:
		r.i++
		return r.setDay(r.numericDay(t))
	case tokenClock:
		r.i++
		return r.setClock(t.n, t.minute, t.whole)
	case tokenNumber:
		return r.number()
	}
	r.i++
	w := t.word
	switch w.kind {
	case wordFiller:
		return true
	case wordNow:
		done := !r.rightNow
		r.rightNow = true
		return done
	case wordOclock:
		return r.minute != nil
	case wordAt:
		return r.at(t)
	case wordIn: // "in the morning", "in 2 hours", "in half an hour"
		if r.i < len(r.tokens) && r.tokens[r.i].kind == tokenNumber {
			return r.unitAt(1) != 0 || r.peek(1, wordQuarter) || r.peek(1, wordAnd)
		}
		return r.peek(0, wordHalf) || r.peek(0, wordQuarter) || r.peek(0, wordPart) || (r.peek(0, wordFiller) && r.peek(1, wordPart))
	case wordAhead:
		if r.ahead != nil {
			return false
		}
		n := w.n
		r.ahead = &n
		return w.part == 0 || r.setPart(w.part)
	case wordWeekday:
		if r.weekday != nil {
			return false
		}
		d := time.Weekday(w.n)
		r.weekday = &d
		if !r.nextOne && !r.peek(0, wordLater) {
			return true
		}
		if !r.nextOne {
			r.i++
		}
		r.nextOne = false
		return r.setWeeks(1)
	case wordMonth:
		return r.monthFirst(w)
	case wordPart:
		return r.setPart(w.part)
	case wordHalfDay:
		done := r.ampm == 0
		r.ampm = w.part
		return done
	case wordNext:
		done := !r.nextOne
		r.nextOne = true
		return done
	case wordThis:
		return r.this()
	case wordEnd:
		return r.end()
	case wordUnit:
		return r.bareUnit(whenUnit(w.n))
	case wordHalf:
		return r.half()
	case wordQuarter:
		return r.quarter()
	case wordLater:
		done := r.unit != 0 && !r.later
		r.later = true
		return done
	case wordAnd:
		return r.and()
	}
	return false
}

// contradicts reports what was begun and not ended, and what cannot be said together.
func (r *whenReader) contradicts() bool {
	days := 0
	for _, said := range []bool{r.ahead != nil, r.weekday != nil && r.day == nil, r.day != nil, r.months != nil} {
		if said {
			days++
		}
	}
	if r.weeks != nil && (r.weekday == nil || r.day != nil) && days > 0 {
		return true
	}
	if r.rightNow && (days > 0 || r.minute != nil || r.hasPart() || r.unit != 0 || r.weeks != nil) {
		return true
	}
	if r.span != 0 && (days > 0 || r.minute != nil || r.hasPart() || r.weeks != nil) {
		return true
	}
	weeksOnly := r.spans[unitWeek] != 0 && len(r.spans) == 1
	if len(r.spans) > 0 && (days > 0 || r.weeks != nil) && !(weeksOnly && r.weekday != nil && days == 1 && r.weeks == nil) {
		return true
	}
	return days > 1 || r.nextOne
}

// peek reports whether the token so many places on is a word of a kind.
func (r *whenReader) peek(ahead int, k wordKind) bool {
	return r.i+ahead < len(r.tokens) && r.tokens[r.i+ahead].word.kind == k
}

// numberAt is the small number so many places on, in digits or in words.
func (r *whenReader) numberAt(ahead int) (n int, ok bool) {
	if r.i+ahead >= len(r.tokens) || r.tokens[r.i+ahead].kind != tokenNumber {
		return 0, false
	}
	return r.tokens[r.i+ahead].n, true
}

// number reads what begins with one: a length of time, a day of a month, a year, an hour.
func (r *whenReader) number() bool {
	t := r.tokens[r.i]
	n := t.n
	r.i++
	minutes, half := 0, 1 // "2 and a half hours", «۲ و نیم ساعت»
	if r.article(1) {
		half = 2
	}
	if r.peek(0, wordAnd) && r.peek(half, wordHalf) && r.unitAt(half+1) == unitHour {
		r.i += half + 1
		minutes = 30
	}
	switch {
	case r.unitAt(0) != 0:
		u := r.unitAt(0)
		r.i++
		return r.addSpan(n, minutes, u)
	case r.peek(0, wordQuarter): // «یک ربع دیگر», "a quarter past ten"
		if n != 1 {
			return false
		}
		r.i++
		return r.quarter()
	case r.peek(0, wordHalf) && n == 1:
		r.i++
		return r.half()
	case r.peek(0, wordOrdinal):
		r.i++
		if r.peek(0, wordFiller) && r.peek(1, wordMonth) {
			r.i++
		}
		if !r.peek(0, wordMonth) {
			return r.setDay(writtenDay{day: n}, true)
		}
		fallthrough
	case r.peek(0, wordMonth) || (r.peek(0, wordFiller) && r.peek(1, wordMonth)):
		if r.peek(0, wordFiller) {
			r.i++
		}
		m := r.tokens[r.i].word
		r.i++
		return r.setDay(writtenDay{day: n, month: m.n, jalali: m.jalali}, true)
	case r.day != nil && r.day.year == 0 && r.day.month != 0 && n >= 1000:
		r.day.year = n
		return true
	case t.word.kind == wordArticle:
		return false
	}
	return r.setClock(n, 0, t.whole)
}

// unitAt is the unit of time so many places on; 0: none. The «ساعت» of a clock is none: «شنبه ۵ دی ساعت ۹».
func (r *whenReader) unitAt(ahead int) whenUnit {
	if !r.peek(ahead, wordUnit) {
		return 0
	}
	w := r.tokens[r.i+ahead].word
	if next := r.i + ahead + 1; w.clock && next < len(r.tokens) && (r.tokens[next].kind == tokenNumber || r.tokens[next].kind == tokenClock) {
		return 0
	}
	return whenUnit(w.n)
}

// article reports whether "a" or "an" stands so many places on.
func (r *whenReader) article(ahead int) bool { return r.peek(ahead, wordArticle) }

func (r *whenReader) at(t whenToken) bool {
	if n, ok := r.numberAt(0); ok && !r.article(0) {
		if r.peek(1, wordQuarter) && n == 1 { // «ساعت یک ربع به ده»
			r.i += 2
			return r.quarter()
		}
		whole := r.tokens[r.i].whole
		r.i++
		return r.setClock(n, 0, whole)
	}
	// "at noon", "at 10:30"; «ساعت» alone has to be followed by one, too.
	return r.i < len(r.tokens) && (t.word.n == 0 || r.tokens[r.i].kind == tokenClock || r.peek(0, wordQuarter) || r.peek(0, wordHalf) || r.peek(0, wordPart))
}

// addSpan notes a length of time: its hours and minutes are added to now, its days to today.
func (r *whenReader) addSpan(n, minutes int, u whenUnit) bool {
	if r.later || (u != unitMinute && u != unitHour && minutes != 0) {
		return false
	}
	if n > 1_000_000 {
		n = 1_000_000 // far enough, and no overflow below
	}
	r.unit = u
	switch u {
	case unitMinute:
		r.span += time.Duration(n) * time.Minute
	case unitHour:
		r.span += time.Duration(n)*time.Hour + time.Duration(minutes)*time.Minute
	default:
		if _, twice := r.spans[u]; twice || n == 0 {
			return false
		}
		if r.spans == nil {
			r.spans = map[whenUnit]int{}
		}
		r.spans[u] = n
		return r.span == 0
	}
	return r.span != 0 && len(r.spans) == 0
}

// and joins "10 and a half", "an hour and a half", «ساعت ۱۰ و ۲۰ دقیقه».
func (r *whenReader) and() bool {
	if r.article(0) && (r.peek(1, wordHalf) || r.peek(1, wordQuarter)) {
		r.i++
	}
	var minutes int
	switch n, ok := r.numberAt(0); {
	case r.peek(0, wordHalf):
		minutes = 30
	case r.peek(0, wordQuarter):
		minutes = 15
	case ok && r.minute != nil && r.unit == 0 && n > 0 && n < 60:
		minutes = n
	default:
		return r.unit != 0 || r.minute != nil || r.hasDay()
	}
	r.i++
	switch {
	case r.unit == unitHour && !r.later:
		r.span += time.Duration(minutes) * time.Minute
	case r.unit == 0 && r.minute != nil && *r.minute%60 == 0:
		*r.minute += minutes
		if r.unitAt(0) == unitMinute {
			r.i++
		}
	default:
		return false
	}
	return true
}

// half reads what begins with it: "half an hour", «نیم ساعت», "half past nine".
func (r *whenReader) half() bool {
	if r.peek(0, wordPastHour) {
		n, ok := r.numberAt(1)
		r.i += 2
		return ok && r.setClock(n, 30, false)
	}
	if r.article(0) {
		r.i++
	}
	if r.unitAt(0) != unitHour {
		return false
	}
	r.i++
	return r.addSpan(0, 30, unitHour)
}

// quarter reads what begins with it: "quarter to ten", «ربع به ده», «یک ربع دیگر», "quarter of an hour".
func (r *whenReader) quarter() bool {
	if past := r.peek(0, wordPastHour); past || r.peek(0, wordTo) {
		n, ok := r.numberAt(1)
		r.i += 2
		switch {
		case !ok:
			return false
		case past:
			return r.setClock(n, 15, false)
		case n == 0 || n > 24:
			r.fault = WhenNoTime
			return false
		}
		return r.setClock(n, -15, false)
	}
	for r.peek(0, wordFiller) || r.article(0) {
		r.i++
	}
	if r.unitAt(0) == unitHour {
		r.i++
	}
	return r.addSpan(0, 15, unitHour)
}

// bareUnit reads a unit that no number stands before: «هفته بعد», "next month", «روز شنبه», «ساعت ۱۰».
func (r *whenReader) bareUnit(u whenUnit) bool {
	t := r.tokens[r.i-1]
	after := false // «هفته بعد»
	if !r.nextOne && r.peek(0, wordLater) && u != unitHour && u != unitMinute {
		after = true
		r.i++
	}
	if u == unitHour && t.word.clock && !r.nextOne {
		return r.at(whenToken{word: whenWord{kind: wordAt, n: 1}})
	}
	if !after && !r.nextOne {
		// «روز شنبه», «۱۵ دی ماه», «سال ۱۴۰۵»
		n, ok := r.numberAt(0)
		if u == unitDay && ok && !r.peek(1, wordMonth) { // «روز ۱۷»
			r.i++
			return r.setDay(writtenDay{day: n}, n >= 1 && n <= 31)
		}
		return (u == unitDay && (ok || r.peek(0, wordWeekday))) || (u == unitMonth && r.day != nil) || (u == unitYear && r.day != nil && ok && n >= 1000)
	}
	r.nextOne = false
	switch u {
	case unitWeek:
		return r.setWeeks(1)
	case unitMonth:
		n := 1
		done := r.months == nil
		r.months = &n
		return done
	case unitDay:
		n := 1
		done := r.ahead == nil
		r.ahead = &n
		return done
	}
	return false
}

// this reads what is meant of now: "this afternoon", "this Saturday", «این هفته».
func (r *whenReader) this() bool {
	switch {
	case r.peek(0, wordPart):
		return r.ahead == nil && r.setAhead(0)
	case r.peek(0, wordWeekday):
		return true
	case r.unitAt(0) == unitWeek:
		r.i++
		return r.setWeeks(0)
	}
	return false
}

// end reads "end of day", «آخر وقت», «پایان ماه».
func (r *whenReader) end() bool {
	months := 0
	for r.peek(0, wordFiller) || r.peek(0, wordThis) || (r.peek(0, wordNext) && r.peek(1, wordUnit)) {
		if r.peek(0, wordNext) {
			months = 1
		}
		r.i++
	}
	switch {
	case r.peek(0, wordAhead) || r.peek(0, wordWeekday):
	case r.unitAt(0) == unitDay && months == 0:
		r.i++
	case r.unitAt(0) == unitMonth && r.months == nil:
		r.i++
		if months == 0 && r.peek(0, wordLater) { // «آخر ماه بعد»
			r.i++
			months = 1
		}
		r.months = &months
	default:
		return false
	}
	return r.setPart(partEnd)
}

// monthFirst reads "December 25", "Dec 25th".
func (r *whenReader) monthFirst(m whenWord) bool {
	n, ok := r.numberAt(0)
	if !ok || n > 31 {
		return false
	}
	r.i++
	if r.peek(0, wordOrdinal) {
		r.i++
	}
	return r.setDay(writtenDay{day: n, month: m.n, jalali: m.jalali}, true)
}

func (r *whenReader) setAhead(n int) bool {
	r.ahead = &n
	return true
}

func (r *whenReader) setWeeks(n int) bool {
	if r.weeks != nil && *r.weeks != n {
		return false
	}
	r.weeks = &n
	return true
}

func (r *whenReader) setPart(p dayPart) bool {
	if r.part != 0 && r.part != p {
		return false
	}
	r.part = p
	return true
}

func (r *whenReader) setDay(d writtenDay, ok bool) bool {
	if !ok {
		r.fault = WhenNoDay
		return false
	}
	if r.day != nil {
		return false
	}
	r.day = &d
	return true
}

// setClock notes a time of the day. Whole: as a clock of 24 hours shows it.
func (r *whenReader) setClock(hour, minute int, whole bool) bool {
	if r.minute != nil || r.unit == unitHour || r.unit == unitMinute {
		return false
	}
	if hour > 24 || minute > 59 || (hour == 24 && minute > 0) {
		r.fault = WhenNoTime
		return false
	}
	n := hour*60 + minute
	r.minute, r.twelve, r.whole = &n, hour >= 1 && hour <= 12, whole
	return true
}

func (r *whenReader) hasDay() bool {
	return r.ahead != nil || r.weekday != nil || r.weeks != nil || r.months != nil || r.day != nil || len(r.spans) > 0
}
