package pbx

import (
	"strings"
	"unicode/utf8"
)

// The variables that SetVariable understands.
const (
	// VariableCustomer is set by the dialplan to name the customer (an IVR that asked for a customer number).
	VariableCustomer = "RINGBOOK_CUSTOMER"
	// VariablePresentation tells whether the caller asked not to show the number; snapshots do not.
	VariablePresentation = "CALLERID(num-pres)"
)

// withheldNumbers are what exchanges put in the place of a number that they do not show.
var withheldNumbers = map[string]bool{
	"":            true,
	"anonymous":   true,
	"restricted":  true,
	"unavailable": true,
	"withheld":    true,
	"private":     true,
	"unknown":     true,
}

func withheldNumber(number string) bool {
	if len(number) > len("unavailable")+2 {
		return false
	}
	return withheldNumbers[strings.ToLower(strings.TrimSpace(number))]
}

// prohibited reads the value of CALLERID(num-pres): allowed..., prohib..., unavailable.
func prohibited(value string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "prohib")
}

// restricted reads the number of ChannelCallerId: Asterisk's AST_PRES_RESTRICTION bits are 0x60, of which 0x20
// alone means restricted (include/asterisk/callerid.h).
func restricted(presentation int) bool { return presentation&0x60 == 0x20 }

// dialedNumber takes the number out of what Dial() was asked for, which is said in two ways and with or without the
// technology: "09121234567@trunk", "trunk/09121234567", "trunk/sip:09121234567@host". Empty if there is none.
func dialedNumber(dialstring string) string {
	number := dialstring
	if i := strings.LastIndexByte(number, '/'); i >= 0 {
		number = number[i+1:]
	}
	number = strings.TrimPrefix(number, "sip:")
	number, _, _ = strings.Cut(number, "@")
	if number == "" || strings.Trim(number, "+*#0123456789") != "" {
		return ""
	}
	return clean(number)
}

// maxText bounds every text of a call that a caller or the dialplan chooses, in bytes.
const maxText = 256

// clean makes a text from the PBX fit for storing and showing: valid, without control characters, bounded.
func clean(s string) string {
	if len(s) <= maxText && printable(s) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, s[:min(len(s), 4*maxText)])
	if len(s) > maxText {
		cut := maxText
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	return s
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}
