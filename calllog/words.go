package calllog

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// What a call is found by are its words, the lexemes of the function call_words: how the folded words of its names and notes
// begin, which are of letters and digits only, the digits of its numbers, five from each on, what it is filtered by, and its day, which
// all have other signs, so that none is taken for another. They are in one index, where what has all of several words is found without reading
// the calls that have only one of them; but their words are read, so that of two things which are frequent each and rarely together
// there is a word for both: of an agent and a direction, an outcome or a queue, and of two of these (pairWords).

const (
	wordLong  = 64 // characters of a word that count
	wordShort = 2  // characters of a word that must be the whole word: as a beginning it would find nearly all
	wordBegun = 6  // characters, at most, of the beginning of a word by which it is found
	digitsOne = 5  // digits of a number are a word
)

// searchable is a text as calls are searched by: folded, and where a joiner (a Persian half-space) is within a word, as
// one word and as several.
func searchable(s string) string {
	list := strings.Fields(crm.Fold(s))
	for part := range strings.FieldsSeq(s) {
		if strings.ContainsRune(part, joiner) {
			list = append(list, strings.Fields(crm.Fold(strings.ReplaceAll(part, string(joiner), " ")))...)
		}
	}
	for i := range list {
		list[i] = short(list[i])
	}
	return strings.Join(list, " ")
}

const joiner = '\u200c' // zero width non-joiner

// short is the beginning of a word that counts.
func short(word string) string {
	if len(word) > wordLong && utf8.RuneCountInString(word) > wordLong {
		return string([]rune(word)[:wordLong])
	}
	return word
}

// These are the words by which a call is filtered.
func directionWord(d pbx.Direction) string { return "d=" + string(d) }
func outcomeWord(o pbx.Outcome) string     { return "o=" + string(o) }
func stateWord(s pbx.State) string         { return "s=" + string(s) } // of a call that goes on
func numberWord(key string) string         { return "n=" + key }
func customerWord(id uuid.UUID) string     { return "c=" + id.String() }
func queueWord(id uuid.UUID) string        { return id.String() }
func agentWord(id uuid.UUID) string        { return id.String() }

// dayWord is that of the day on which a call began, in UTC.
func dayWord(t time.Time) string {
	const day = 24 * 60 * 60
	at := t.Unix()
	return "@" + strconv.FormatInt((at-((at%day)+day)%day)/day, 10)
}

// lexeme is a word of a tsquery.
func lexeme(word string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(word) + "'"
}

// anyOf is a tsquery that any of the words satisfies.
func anyOf(words []string) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = lexeme(w)
	}
	return "(" + strings.Join(all, " | ") + ")"
}

// matching is a condition on the texts of a call c: as a tsquery of words, as SQL with a "?" for each argument, and as a regular
// expression of what follows the beginning of textOf.
type matching struct {
	query string
	sql   string
	args  []any
	ahead string
	loose bool // the tsquery finds more
}

const (
	textOf    = "(' ' || c.search || ' ' || c.note_search || ' ')"
	numbersOf = "(c.caller_number || ' ' || c.dialed_number)"
)

// beginning matches a folded word: its beginning, of a short one the whole.
func beginning(word string) matching {
	word = short(word)
	as, all := " "+word, []rune(word)
	if len(all) <= wordShort {
		as += " "
	}
	begun := string(all[:min(len(all), wordBegun)])
	return matching{lexeme(begun), textOf + " LIKE ?", []any{"%" + as + "%"}, "(?=.*" + as + ")", begun != word}
}

// and matches what all match.
func and(all []matching) matching {
	if len(all) == 1 {
		return all[0]
	}
	return combine(all, " & ", " AND ", "")
}

// or matches what any matches.
func or(all ...matching) matching { return combine(all, " | ", " OR ", "|") }

func combine(all []matching, in, inSQL, ahead string) matching {
	m := all[0]
	m.args = slices.Clip(m.args)
	for _, one := range all[1:] {
		m.query, m.sql, m.args = m.query+in+one.query, m.sql+inSQL+one.sql, append(m.args, one.args...)
		m.ahead, m.loose = m.ahead+ahead+one.ahead, m.loose || one.loose
	}
	m.query, m.sql, m.ahead = "("+m.query+")", "("+m.sql+")", "(?:"+m.ahead+")"
	return m
}

func beginnings(words []string) matching {
	all := make([]matching, len(words))
	for i, w := range words {
		all[i] = beginning(w)
	}
	return and(all)
}

// asked is one thing that a search asks for.
type asked struct {
	matching
	number string // a pattern of the numbers, which does as well; empty: none
}

// askedBy is what a search asks for, all of it; at most wordsMost. What looks like a telephone number in all is one
// thing, without the zeros that some spellings begin with.
func askedBy(q string) []asked {
	q = text(q, 4*searchMost)
	folded := crm.Fold(q)
	if digits := onlyDigits(folded); len(digits) >= 3 && strings.Trim(folded, "0123456789 ") == "" {
		return []asked{partOf(digits)}
	}
	var all []asked
	for _, field := range strings.Fields(q) {
		joined := strings.Fields(crm.Fold(field))
		if len(joined) == 0 {
			continue
		}
		if strings.ContainsRune(field, joiner) {
			m := beginnings(joined)
			if parts := strings.Fields(crm.Fold(strings.ReplaceAll(field, string(joiner), " "))); !slices.Equal(parts, joined) {
				m = or(m, beginnings(parts))
			}
			all = append(all, asked{matching: m})
			continue
		}
		for _, word := range joined {
			if len(word) >= 3 && onlyDigits(word) == word {
				all = append(all, partOf(word))
			} else {
				all = append(all, asked{matching: beginning(word)})
			}
		}
	}
	return all[:min(len(all), wordsMost)]
}

// partOf is asked for by digits: part of a number, or the beginning of a word of a name or note.
func partOf(digits string) asked {
	number := strings.TrimLeft(digits, "0")
	if len(number) < 3 {
		number = digits
	}
	word, pattern := beginning(digits), "%"+number+"%"
	return asked{matching{
		query: "(" + digitWords(number) + " | " + word.query + ")",
		sql:   "(" + numbersOf + " LIKE ? OR " + word.sql + ")",
		args:  append([]any{pattern}, word.args...),
		ahead: word.ahead,
		loose: len(number) > digitsOne || word.loose,
	}, pattern}
}

// digitWords is a tsquery that every number satisfies in which the digits occur, three at least; of up to five digits no other does.
func digitWords(digits string) string {
	if len(digits) <= digitsOne {
		return lexeme("#"+digits) + ":*"
	}
	var all []string
	for i := 0; i < len(digits); i += digitsOne {
		from := min(i, len(digits)-digitsOne)
		all = append(all, lexeme("#"+digits[from:from+digitsOne]))
	}
	return "(" + strings.Join(all, " & ") + ")"
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
