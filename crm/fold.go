package crm

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold makes text comparable: Arabic letters become the Persian ones that look alike, digits ASCII, letters lower
// case; diacritics, joiners, direction marks and stretches go; anything that is neither letter nor digit becomes one
// space. Fold(Fold(s)) is Fold(s).
func Fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, c := range norm.NFKD.String(strings.ToValidUTF8(s, " ")) {
		// The decomposition has parted أ إ آ ؤ ئ ۀ from their marks already.
		switch c {
		case 'ي', 'ى', 'ې', 'ۍ', 'ے':
			c = 'ی'
		case 'ك', 'ڪ', 'ګ':
			c = 'ک'
		case 'ة', 'ە', 'ۃ', 'ۂ', 'ھ', 'ہ':
			c = 'ه'
		case 'ٱ', 'ٲ', 'ٳ':
			c = 'ا'
		case 'ء', 'ـ':
			continue
		}
		switch {
		case unicode.Is(unicode.Mn, c), unicode.Is(unicode.Me, c), unicode.Is(unicode.Cf, c):
			continue
		case unicode.Is(unicode.Nd, c):
			if c >= 0x80 {
				c = '0' + digitValue(c)
			}
		case unicode.IsLetter(c), unicode.IsNumber(c):
			c = unicode.ToLower(c)
		default:
			space = b.Len() > 0
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(c)
	}
	return b.String()
}
