package crm

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

type tokenKind int

const (
	tokenWord   tokenKind = iota
	tokenNumber           // digits, or a word for a small number
	tokenClock            // 10:30
	tokenDate             // 2026-11-23, ۹/۲
)

// whenToken is one word or one number of a due time.
type whenToken struct {
	kind   tokenKind
	text   string
	n      int // the number, or the hour
	minute int
	whole  bool // the hour stands as a clock of 24 hours shows it
	word   whenWord
}

type wordKind int

const (
	wordNone     wordKind = iota
	wordFiller            // says nothing
	wordArticle           // a number, "an hour"
	wordNow               //
	wordAt                // an hour follows
	wordOclock            // an hour went before
	wordIn                //
	wordAhead             // n days from today, and perhaps a part of that day
	wordWeekday           // n as time.Weekday
	wordMonth             // n of its calendar
	wordPart              // a part of the day
	wordHalfDay           // am, pm
	wordNext              // "next", before its word
	wordThis              //
	wordEnd               // "end of"
	wordUnit              // n is a whenUnit
	wordHalf              //
	wordQuarter           //
	wordLater             // after a length of time; «بعد» after a weekday or a unit is the next one
	wordAnd               //
	wordPastHour          // "half past"
	wordTo                // "quarter to"
	wordOrdinal           // "25th"
)

type whenUnit int

const (
	unitMinute whenUnit = 1 + iota
	unitHour
	unitDay
	unitWeek
	unitMonth
	unitYear
)

type dayPart int

const (
	partMorning dayPart = 1 + iota
	partNoon
	partAfternoon
	partLate // عصر
	partEvening
	partNight
	partMidnight
	partEnd
)

// partMinute is when a part of the day begins that comes without an hour, in minutes.
var partMinute = map[dayPart]int{
	partMorning: dayBegins, partNoon: 12 * 60, partAfternoon: 15 * 60, partLate: 17 * 60, partEvening: 18 * 60,
	partNight: 20 * 60, partMidnight: 24 * 60, partEnd: dayEnds,
}

// whenWord is what a word says.
type whenWord struct {
	kind   wordKind
	n      int
	part   dayPart
	jalali bool
	clock  bool // a unit that also stands before an hour: «ساعت ۱۰»
}

// whenWords is the vocabulary, folded.
var whenWords = makeWhenWords()

func makeWhenWords() map[string]whenWord {
	words := map[string]whenWord{}
	add := func(w whenWord, all string) {
		for s := range strings.FieldsSeq(all) {
			words[s] = w
		}
	}
	names := func(kind wordKind, first int, jalali bool, all ...string) {
		for i, s := range all {
			add(whenWord{kind: kind, n: first + i, jalali: jalali}, s)
		}
	}
	add(whenWord{kind: wordFiller}, "در روی تا برای راس ی حدود حوالی - . : on the of by for about around till until t from after")
	add(whenWord{kind: wordArticle, n: 1}, "a an")
	add(whenWord{kind: wordNow}, "الان حالا اکنون now")
	add(whenWord{kind: wordAt}, "at @")
	add(whenWord{kind: wordOclock}, "oclock")
	add(whenWord{kind: wordIn}, "in + within")
	add(whenWord{kind: wordNext}, "next coming")
	add(whenWord{kind: wordThis}, "این همین this")
	add(whenWord{kind: wordEnd}, "اخر پایان انتهای end")
	add(whenWord{kind: wordHalf}, "نیم half")
	add(whenWord{kind: wordQuarter}, "ربع quarter")
	add(whenWord{kind: wordLater}, "دیگر دیگه بعد بعدی اینده later")
	add(whenWord{kind: wordAnd}, "و and")
	add(whenWord{kind: wordPastHour}, "past")
	add(whenWord{kind: wordTo}, "به to")
	add(whenWord{kind: wordOrdinal}, "st nd rd th ام م")

	add(whenWord{kind: wordUnit, n: int(unitMinute)}, "دقیقه دقیقهای minute minutes min mins m")
	add(whenWord{kind: wordUnit, n: int(unitHour)}, "hour hours hr hrs h")
	add(whenWord{kind: wordUnit, n: int(unitHour), clock: true}, "ساعت")
	add(whenWord{kind: wordUnit, n: int(unitDay)}, "روز day days d")
	add(whenWord{kind: wordUnit, n: int(unitWeek)}, "هفته week weeks w")
	add(whenWord{kind: wordUnit, n: int(unitMonth)}, "ماه month months")
	add(whenWord{kind: wordUnit, n: int(unitYear)}, "سال year years")

	add(whenWord{kind: wordAhead, n: -1}, "دیروز yesterday")
	add(whenWord{kind: wordAhead, n: -1, part: partNight}, "دیشب")
	add(whenWord{kind: wordAhead}, "امروز today")
	add(whenWord{kind: wordAhead, part: partNight}, "امشب tonight")
	add(whenWord{kind: wordAhead, n: 1}, "فردا tomorrow tmr tmrw")
	add(whenWord{kind: wordAhead, n: 2}, "پسفردا overmorrow")
	add(whenWord{kind: wordAhead, n: 3}, "پسانفردا پسونفردا")

	names(wordWeekday, 0, false, "یکشنبه sunday sun", "دوشنبه monday mon", "سهشنبه tuesday tue tues", "چهارشنبه wednesday wed",
		"پنجشنبه thursday thu thur thurs", "جمعه friday fri", "شنبه saturday sat")
	names(wordMonth, 1, true, "فروردین farvardin", "اردیبهشت ordibehesht", "خرداد khordad", "تیر tir", "مرداد امرداد mordad",
		"شهریور shahrivar", "مهر mehr", "ابان aban", "اذر azar", "دی dey", "بهمن bahman", "اسفند esfand")
	names(wordMonth, 1, false, "ژانویه january jan", "فوریه february feb", "مارس march mar", "اوریل april apr", "مه می may",
		"ژوین ژوین june jun", "ژوییه ژولای جولای july jul", "اوت اگوست august aug", "سپتامبر september sep sept",
		"اکتبر october oct", "نوامبر november nov", "دسامبر december dec")

	add(whenWord{kind: wordPart, part: partMorning}, "صبح بامداد سحر morning")
	add(whenWord{kind: wordPart, part: partNoon}, "ظهر noon midday")
	add(whenWord{kind: wordPart, part: partAfternoon}, "afternoon")
	add(whenWord{kind: wordPart, part: partLate}, "عصر")
	add(whenWord{kind: wordPart, part: partEvening}, "غروب evening")
	add(whenWord{kind: wordPart, part: partNight}, "شب night")
	add(whenWord{kind: wordPart, part: partMidnight}, "نیمهشب midnight")
	add(whenWord{kind: wordPart, part: partEnd}, "eod")
	add(whenWord{kind: wordHalfDay, part: partMorning}, "am قبلازظهر پیشازظهر")
	add(whenWord{kind: wordHalfDay, part: partAfternoon}, "pm بعدازظهر پسازظهر")
	return words
}

// whenNumbers are small numbers in words.
var whenNumbers = map[string]int{
	"یک": 1, "یه": 1, "دو": 2, "سه": 3, "چهار": 4, "پنج": 5, "شش": 6, "شیش": 6, "هفت": 7, "هشت": 8, "نه": 9, "ده": 10,
	"یازده": 11, "دوازده": 12, "پانزده": 15, "پونزده": 15, "بیست": 20, "سی": 30, "چهل": 40, "پنجاه": 50,
	"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
	"twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
}

// whenPhrases are words that are written apart as well. The longest come first.
var whenPhrases = []struct {
	words string
	as    string
}{
	{"day after tomorrow", "overmorrow"},
	{"بعد از ظهر", "بعدازظهر"},
	{"قبل از ظهر", "قبلازظهر"},
	{"پیش از ظهر", "پیشازظهر"},
	{"پس از ظهر", "پسازظهر"},
	{"end of business", "eod"},
	{"a . m .", "am"},
	{"p . m .", "pm"},
	{"a . m", "am"},
	{"p . m", "pm"},
	{"ق . ظ", "am"},
	{"ب . ظ", "pm"},
	{"بعد ازظهر", "بعدازظهر"},
	{"بعداز ظهر", "بعدازظهر"},
	{"قبل ازظهر", "قبلازظهر"},
	{"ق ظ", "am"},
	{"ب ظ", "pm"},
	{"پس فردا", "پسفردا"},
	{"پسان فردا", "پسانفردا"},
	{"پسون فردا", "پسانفردا"},
	{"همین الان", "الان"},
	{"همین حالا", "الان"},
	{"نیمه شب", "نیمهشب"},
	{"اخر وقت", "eod"},
	{"پایان وقت", "eod"},
	{"o clock", "oclock"},
	{"from now", "later"},
	{"از الان", "later"},
	{"از حالا", "later"},
	{"از اکنون", "later"},
}

// weekdayCounts are the first halves of weekdays, which people write apart or as digits: «۵ شنبه», «پنج شنبه».
var weekdayCounts = map[string]string{
	"یک": "یکشنبه", "1": "یکشنبه", "دو": "دوشنبه", "2": "دوشنبه", "سه": "سهشنبه", "3": "سهشنبه",
	"چهار": "چهارشنبه", "4": "چهارشنبه", "پنج": "پنجشنبه", "5": "پنجشنبه",
}

const maxWhen = 400 // bytes; longer is no due time

// whenPieces finds dates, clocks, numbers, words and what stands between them, in folded text.
var whenPieces = regexp.MustCompile(`\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}|\d{1,2}[:.]\d{2}(?::\d{2})?|\d{1,2}/\d{1,2}|\d+|[^\d\s:/.+@-]+|[:/.+@-]`)

var (
	wholeDate  = regexp.MustCompile(`^\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}$|^\d{1,2}/\d{1,2}$`)
	wholeClock = regexp.MustCompile(`^(\d{1,2})[:.](\d{2})`)
)

// instant reads RFC 3339, which says all by itself.
func instant(text string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, strings.ToUpper(strings.TrimSpace(asciiDigits(text))))
	return at, err == nil
}

// whenTokens cuts a text into the words and numbers of a due time; none: it is too long, or begins with a minus.
func whenTokens(text string) []whenToken {
	if len(text) > maxWhen {
		return nil
	}
	pieces := joined(whenPieces.FindAllString(whenFold(text), -1))
	if len(pieces) > 0 && pieces[0] == "-" {
		return nil
	}
	tokens := make([]whenToken, 0, len(pieces))
	for _, p := range pieces {
		t := whenToken{text: p}
		if m := wholeClock.FindStringSubmatch(p); m != nil && !wholeDate.MatchString(p) {
			t.kind = tokenClock
			t.n, _ = strconv.Atoi(m[1])
			t.minute, _ = strconv.Atoi(m[2])
			t.whole = len(m[1]) == 2
		} else if wholeDate.MatchString(p) {
			t.kind = tokenDate
		} else if p[0] >= '0' && p[0] <= '9' {
			t.kind = tokenNumber
			t.n, _ = strconv.Atoi(p[:min(len(p), 9)])
			t.whole = p[0] == '0' && len(p) == 2
		} else if n, ok := whenNumbers[p]; ok {
			t.kind, t.n = tokenNumber, n
		} else if t.word = whenWords[p]; t.word.kind == wordArticle {
			t.kind, t.n = tokenNumber, t.word.n
		}
		tokens = append(tokens, t)
	}
	return tens(tokens)
}

// whenFold folds a text as Fold does, and leaves the signs that numbers are written with.
func whenFold(text string) string {
	var b, part strings.Builder
	flush := func() {
		s := part.String()
		part.Reset()
		if s != "" && unicode.IsSpace([]rune(s)[0]) {
			b.WriteByte(' ')
		}
		b.WriteString(Fold(s))
		if s != "" && unicode.IsSpace([]rune(s)[len([]rune(s))-1]) {
			b.WriteByte(' ')
		}
	}
	for _, c := range norm.NFKC.String(asciiDigits(strings.ToValidUTF8(text, " "))) {
		switch c {
		case '–', '−', '‐', '‑':
			c = '-'
		case '٫':
			c = '.'
		}
		if !strings.ContainsRune(":/.+@-", c) {
			part.WriteRune(c)
			continue
		}
		flush()
		b.WriteRune(c)
	}
	flush()
	return b.String()
}

// joined puts together what is one word and was written apart.
func joined(pieces []string) []string {
	out := make([]string, 0, len(pieces))
	for i := 0; i < len(pieces); {
		if i+1 < len(pieces) && pieces[i+1] == "شنبه" && weekdayCounts[pieces[i]] != "" && (i == 0 || pieces[i-1] != "ساعت") {
			out = append(out, weekdayCounts[pieces[i]])
			i += 2
			continue
		}
		n := 1
		word := pieces[i]
		for _, p := range whenPhrases {
			words := strings.Fields(p.words)
			if len(words) <= len(pieces)-i && strings.Join(pieces[i:i+len(words)], " ") == p.words {
				n, word = len(words), p.as
				break
			}
		}
		// «شنبه‌ی», «هفته‌ی»: the joiner is gone.
		if cut, ok := strings.CutSuffix(word, "هی"); ok && whenWords[cut+"ه"].kind != wordNone {
			word = cut + "ه"
		}
		if cut, ok := strings.CutSuffix(word, "ماه"); ok && whenWords[cut].kind == wordMonth { // «دی‌ماه»
			word = cut
		}
		out = append(out, word)
		i += n
	}
	return out
}

// tens reads "forty five" and «چهل و پنج» as one number.
func tens(tokens []whenToken) []whenToken {
	out := tokens[:0]
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if t.kind == tokenNumber && whenNumbers[t.text] >= 20 {
			next := i + 1
			if next < len(tokens) && (tokens[next].word.kind == wordAnd || tokens[next].text == "-") {
				next++
			}
			if next < len(tokens) && whenNumbers[tokens[next].text] >= 1 && whenNumbers[tokens[next].text] <= 9 {
				t.n += tokens[next].n
				i = next
			}
		}
		out = append(out, t)
	}
	return out
}
