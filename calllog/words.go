package calllog

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// What a call is found by are its words, the lexemes of the function call_words: the folded words of its names and notes,
// each of letters and digits only, any three digits of its numbers, and what it is filtered by, which have other signs, so that
// neither is taken for the other. They are in one index, where what has all of several words is found without reading what has only one of them.

const (
	wordLong  = 64 // characters of a word that count
	wordShort = 2  // characters of a word that must be the whole word: as a beginning it would find nearly all
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

// directionWord, outcomeWord, queueWord and agentWord are the words by which a call is filtered.
func directionWord(d pbx.Direction) string { return "d=" + string(d) }
func outcomeWord(o pbx.Outcome) string     { return "o=" + string(o) }
func queueWord(id uuid.UUID) string        { return id.String() }
func agentWord(id uuid.UUID) string        { return id.String() }

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

// beginning is a tsquery of a folded word: its beginning, of a short one the whole.
func beginning(word string) string {
	word = short(word)
	if utf8.RuneCountInString(word) <= wordShort {
		return lexeme(word)
	}
	return lexeme(word) + ":*"
}

// asked is one thing that a search asks for.
type asked struct {
	query  string // a tsquery of words
	number string // part of a number, which does as well; empty: none
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
			query := and(joined)
			if parts := strings.Fields(crm.Fold(strings.ReplaceAll(field, string(joiner), " "))); !slices.Equal(parts, joined) {
				query = "(" + query + " | " + and(parts) + ")"
			}
			all = append(all, asked{query: query})
			continue
		}
		for _, word := range joined {
			if len(word) >= 3 && onlyDigits(word) == word {
				all = append(all, partOf(word))
			} else {
				all = append(all, asked{query: beginning(word)})
			}
		}
	}
	return all[:min(len(all), wordsMost)]
}

// partOf is asked for by digits: part of a number, or a word of a name or note.
func partOf(digits string) asked {
	number := strings.TrimLeft(digits, "0")
	if len(number) < 3 {
		number = digits
	}
	return asked{query: beginning(digits), number: number}
}

// digitWords is a tsquery that every number satisfies in which the digits occur, three at least: the function call_words makes a
// word of any three that follow one another.
func digitWords(digits string) string {
	var all []string
	for i := range len(digits) - 2 {
		all = append(all, lexeme(digits[i:i+3]))
	}
	return "(" + strings.Join(all, " & ") + ")"
}

// and is a tsquery that all the words satisfy.
func and(words []string) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = beginning(w)
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
