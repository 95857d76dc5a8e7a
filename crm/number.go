package crm

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

// NumberKind says what a parsed number is.
type NumberKind string

const (
	KindE164     NumberKind = "e164"     // E164 is set; valid, or a plausible mobile number of the region
	KindNational NumberKind = "national" // digits that make no valid number
	KindShort    NumberKind = "short"    // at most six digits: an extension or a service number
	KindText     NumberKind = "text"     // letters, a SIP URI: anything else
	KindWithheld NumberKind = "withheld" // empty, anonymous and the like
)

// Number is a telephone number, parsed. It is valid UTF-8 without NUL, whatever it was parsed from.
type Number struct {
	Raw       string // as it came, at most 255 characters of it
	E164      string // "+989121234567", or empty
	Plain     string // what identifies a number that has no E164; empty for KindWithheld
	Kind      NumberKind
	Extension string // dialled after the number has answered; not part of Key
}

// Key is what is stored and compared: equal keys are the same number. Empty for KindWithheld.
func (n Number) Key() string {
	if n.E164 != "" {
		return n.E164
	}
	return n.Plain
}

// Rules say how bare numbers are to be read. The zero value reads only international ones.
type Rules struct {
	Region string   // ISO country code: "IR"
	Area   string   // area code without the trunk 0 ("21"), put before local numbers; empty: they stay as they are
	Strip  []string // prefixes a trunk puts before numbers, as "9" for the outside line; taken off where a valid number is left
	Add    string   // prefix that a trunk leaves out, as "+98"; put before where a valid number results
}

// Numbering holds the Rules: the default and what PBXs and their trunks change.
type Numbering struct {
	Default Rules
	PBX     map[string]Rules // by PBX name
	Trunk   map[string]Rules // by PBX name + "/" + endpoint: "main/PJSIP/trunk"
}

// Rules are those of the trunk, else the PBX, else the default.
func (n Numbering) Rules(pbx, trunk string) Rules {
	if r, ok := n.Trunk[pbx+"/"+trunk]; ok {
		return r
	}
	if r, ok := n.PBX[pbx]; ok {
		return r
	}
	return n.Default
}

const (
	maxRaw   = 255 // characters
	maxShort = 6   // digits: never E.164, whatever libphonenumber thinks of them
	maxE164  = 15  // digits
)

// withheldTokens are what networks and PBXs write in place of a number.
var withheldTokens = map[string]bool{
	"": true, "anonymous": true, "restricted": true, "private": true, "withheld": true, "unknown": true,
	"unavailable": true, "asterisk": true, "s": true, "blocked": true, "not available": true, "no number": true,
	"none": true, "null": true, "nobody": true, "id unavailable": true, "number withheld": true, "invalid": true,
	"ناشناس": true, "نامشخص": true,
}

// ParseNumber reads a telephone number in any human or network spelling. It never fails: what cannot be read keeps
// a Kind and a Key of its own. Pure; about 20 µs for a number that has to be tried in several ways.
func ParseNumber(raw string, r Rules) Number {
	n := Number{Raw: clean(raw)}
	text, uri := unwrap(n.Raw)
	text = asciiDigits(text)
	if isWithheld(text) {
		n.Kind = KindWithheld
		return n
	}
	if uri {
		n.Extension = uriExtension(n.Raw)
	} else {
		text, n.Extension = cutExtension(text)
	}
	digits, plus, ok := bareDigits(text)
	switch {
	case !ok:
		key := textKey(n.Raw)
		if key != raw { // what is left may be a number, or wrapped once more
			again := ParseNumber(key, r)
			again.Raw = n.Raw
			return again
		}
		n.Kind, n.Plain, n.Extension = KindText, key, ""
	case isWithheld(digits):
		n.Kind, n.Extension = KindWithheld, ""
	case !plus && len(digits) <= maxShort:
		n.Kind, n.Plain = KindShort, digits
	default:
		n.E164 = r.e164(digits, plus)
		n.Kind = KindE164
		if n.E164 == "" {
			n.Kind, n.Plain = KindNational, r.national(digits, plus)
		}
	}
	return n
}

// clean makes text that PostgreSQL and JSON can hold, of bounded length.
func clean(s string) string {
	if len(s) > 4*maxRaw {
		s = s[:4*maxRaw]
	}
	s = strings.Map(func(c rune) rune {
		if c == utf8.RuneError || (unicode.IsControl(c) && c != '\t') {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	if utf8.RuneCountInString(s) > maxRaw {
		s = string([]rune(s)[:maxRaw])
	}
	return strings.TrimSpace(s)
}

// textKey is what identifies a caller that is no number: a URI without scheme and parameters, or the text itself.
func textKey(raw string) string {
	s, _ := unwrap(raw)
	if user, _, _ := strings.Cut(s, ";"); strings.TrimSpace(user) != "" {
		s = user
	}
	return clean(strings.ToLower(strings.Join(strings.Fields(asciiDigits(s)), " ")))
}

// unwrap takes display names, a URI's scheme, host and parameters away, however often they are wrapped.
func unwrap(s string) (text string, uri bool) {
	for {
		t, u := unwrapOnce(s)
		uri = uri || u
		if t == s {
			return s, uri
		}
		s = t
	}
}

func unwrapOnce(s string) (text string, uri bool) {
	if i := strings.IndexByte(s, '<'); i >= 0 {
		if j := strings.IndexByte(s[i:], '>'); j > 0 { // "Sara" <sip:0912…@host>
			s = s[i+1 : i+j]
		}
	}
	s = strings.Trim(s, "\"' \t")
	scheme, rest, ok := strings.Cut(s, ":")
	switch strings.ToLower(scheme) {
	case "sip", "sips", "tel", "callto":
		if !ok {
			return s, false
		}
		rest, _, _ = strings.Cut(rest, ";")
		rest, _, _ = strings.Cut(rest, "?")
		rest = strings.NewReplacer("%2B", "+", "%2b", "+", "%20", " ").Replace(rest)
		s, uri = rest, true
	}
	if user, host, ok := strings.Cut(s, "@"); ok {
		if _, _, digits := bareDigits(asciiDigits(user)); digits || withheldTokens[strings.ToLower(user)] || strings.HasSuffix(strings.ToLower(host), "anonymous.invalid") {
			return user, true
		}
	}
	return s, uri
}

var extParameter = regexp.MustCompile(`(?i);ext=([0-9]{1,10})`)

func uriExtension(raw string) string {
	if m := extParameter.FindStringSubmatch(asciiDigits(raw)); m != nil {
		return m[1]
	}
	return ""
}

// extensionSuffix finds "x543", "ext. 12", "داخلی ۱۲", ";ext=12", "#12" and ",,12" after a number.
var extensionSuffix = regexp.MustCompile(`(?i)^(.*[0-9].*?)[\s)]*(?:,+|;|#|ext(?:n|ension)?|x|داخلی|داخلي)[\s.:)(-]*([0-9]{1,10})\)?$`)

func cutExtension(s string) (rest, extension string) {
	if i := strings.Index(strings.ToLower(s), ";ext="); i > 0 {
		return s[:i], uriExtension(s)
	}
	if _, _, ok := bareDigits(s); ok && strings.ContainsRune(s, '#') { // a feature code: short, and all of it
		return s, ""
	}
	m := extensionSuffix.FindStringSubmatch(s)
	if m == nil {
		s, _, _ = strings.Cut(s, ";") // another parameter
		return s, ""
	}
	if _, _, ok := bareDigits(m[1]); !ok || strings.ContainsRune(m[1], '#') {
		return s, ""
	}
	return m[1], m[2]
}

// asciiDigits writes every script's digits as ASCII ones.
func asciiDigits(s string) string {
	return strings.Map(func(c rune) rune {
		if c < utf8.RuneSelf || !unicode.Is(unicode.Nd, c) {
			return c
		}
		return '0' + digitValue(c)
	}, s)
}

// digitValue of a Unicode decimal digit: they stand in runs of ten that start with zero.
func digitValue(c rune) rune {
	for _, r := range unicode.Nd.R16 {
		if uint32(c) >= uint32(r.Lo) && uint32(c) <= uint32(r.Hi) {
			return (c - rune(r.Lo)) % 10
		}
	}
	for _, r := range unicode.Nd.R32 {
		if uint32(c) >= r.Lo && uint32(c) <= r.Hi {
			return (c - rune(r.Lo)) % 10
		}
	}
	return 0
}

func isWithheld(s string) bool {
	s = strings.ToLower(strings.Trim(s, "\"'<>()[] \t-."))
	return withheldTokens[s] || (len(s) > 1 && strings.Trim(s, "0") == "")
}

// bareDigits leaves the digits of a number that is written with human separators. ok is false when it has anything
// else in it.
func bareDigits(s string) (digits string, plus, ok bool) {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			b.WriteRune(c)
		case c == '*' || c == '#': // feature codes; only short ones are taken
			b.WriteRune(c)
		case c == '+' || c == '＋':
			if b.Len() > 0 || plus {
				return "", false, false
			}
			plus = true
		case strings.ContainsRune("-./\\()[]_·•,~'", c), unicode.IsSpace(c), unicode.Is(unicode.Pd, c), unicode.Is(unicode.Cf, c), c == 'ـ', c == '−':
		default:
			return "", false, false
		}
	}
	digits = b.String()
	if strings.ContainsAny(digits, "*#") && (plus || len(digits) > maxShort) {
		return "", false, false
	}
	return digits, plus, digits != ""
}

// e164 tries the readings of a number in turn; empty if none is valid.
func (r Rules) e164(digits string, plus bool) string {
	if len(digits) > maxE164+6 { // no peeling makes a number of that
		return ""
	}
	if !plus {
		for _, p := range r.Strip {
			if rest, ok := strings.CutPrefix(digits, p); ok && len(rest) > maxShort {
				if e := r.read(rest, false); e != "" {
					return e
				}
			}
		}
		// Here nothing is guessed beside the prefix, or every number would become valid by force.
		if r.Add != "" {
			if e := valid(r.Add+digits, r.Region); e != "" {
				return e
			}
		}
	}
	return r.read(digits, plus)
}

func (r Rules) read(digits string, plus bool) string {
	p, planned := plans[r.Region]
	if !plus && (planned || r.Region == "") {
		// The international prefix. Regions without a plan leave theirs (011, 0011, …) to libphonenumber.
		if rest, ok := strings.CutPrefix(digits, "00"); ok {
			if e := r.read(rest, true); e != "" {
				return e
			}
		}
	}
	switch {
	case plus:
		digits = strings.TrimLeft(digits, "0")
		if rest, ok := strings.CutPrefix(digits, p.country); ok && planned {
			return p.peel(rest, r.Area)
		}
		return valid("+"+digits, "")
	case planned:
		if e := p.peel(digits, r.Area); e != "" {
			return e
		}
	case r.Region != "":
		if e := valid(digits, r.Region); e != "" {
			return e
		}
		if r.Area != "" && len(digits) < 10 {
			if e := valid(r.Area+digits, r.Region); e != "" {
				return e
			}
		}
	}
	// A carrier that leaves the + out.
	if r.Region != "" && len(digits) >= 11 && digits[0] != '0' {
		return valid("+"+digits, "")
	}
	return ""
}

// national is the key of digits that make no valid number: one for all the spellings that surely mean the same.
func (r Rules) national(digits string, plus bool) string {
	if p, ok := plans[r.Region]; ok {
		if n := p.trunk(digits, plus, r.Area); n != "" {
			return n
		}
	}
	if plus {
		return "+" + digits
	}
	return digits
}

// valid is the number's E.164 form if libphonenumber holds it to be valid. It must never be asked for less.
func valid(number, region string) string {
	p, err := phonenumbers.Parse(number, region)
	if err != nil || !phonenumbers.IsValidNumber(p) {
		return ""
	}
	e := phonenumbers.Format(p, phonenumbers.E164)
	if len(e) > maxE164+1 {
		return ""
	}
	return e
}

// nationalDigits is an E.164 number as it is written inside the region; empty for another region's.
func nationalDigits(e164, region string) string {
	p, err := phonenumbers.Parse(e164, "")
	if err != nil || region == "" || phonenumbers.GetRegionCodeForNumber(p) != region {
		return ""
	}
	digits, _, _ := bareDigits(phonenumbers.Format(p, phonenumbers.NATIONAL))
	return digits
}
