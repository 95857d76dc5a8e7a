package crm

import "strings"

// plan is a country's numbering where its networks write numbers in shapes that libphonenumber does not undo.
type plan struct {
	country string // calling code
	nsn     int    // digits of a national number, without the trunk 0
	mobile  string // first digits of a mobile number
	areas   map[string]bool
}

// plans by region. A region without one is read by libphonenumber alone.
var plans = map[string]plan{
	"IR": {
		country: "98", nsn: 10, mobile: "9",
		areas: words("11 13 17 21 23 24 25 26 28 31 34 35 38 41 44 45 51 54 56 58 61 66 71 74 76 77 81 83 84 86 87"),
	},
}

func words(text string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(text) {
		m[w] = true
	}
	return m
}

// peel finds the national number inside what a network delivers: with or without trunk 0, calling code (also
// both: 0989121234567), and an area code that an exchange glued before a mobile number (2109121234567,
// 219121234567, 210989121234567). The length decides before anything is taken off, so that a local number which
// begins like the calling code keeps its digits. area is put before local numbers. Empty if there is none.
func (p plan) peel(digits, area string) string {
	if e := p.inner(digits, 4); e != "" {
		return e
	}
	if area != "" && digits != "" && digits[0] != '0' && len(area)+len(digits) == p.nsn {
		return p.accept(area + digits)
	}
	return ""
}

func (p plan) inner(d string, depth int) string {
	if len(d) < p.nsn || depth == 0 {
		return ""
	}
	if len(d) == p.nsn {
		return p.accept(d)
	}
	if d[0] == '0' {
		return p.inner(d[1:], depth-1)
	}
	if rest, ok := strings.CutPrefix(d, p.country); ok {
		if e := p.inner(rest, depth-1); e != "" {
			return e
		}
	}
	if p.areas[d[:2]] {
		if e := p.inner(d[2:], depth-1); strings.HasPrefix(e, "+"+p.country+p.mobile) {
			return e
		}
	}
	return ""
}

// trunk writes an invalid number with its trunk 0, if its length tells what it is; else empty.
func (p plan) trunk(digits string, plus bool, area string) string {
	d := strings.TrimLeft(digits, "0")
	rest, international := strings.CutPrefix(d, p.country)
	rest = strings.TrimLeft(rest, "0")
	switch {
	case international && len(rest) == p.nsn:
		return "0" + rest
	case plus:
		return ""
	case len(d) == p.nsn:
		return "0" + d
	case area != "" && digits[0] != '0' && (len(d) == p.nsn-len(area) || len(d) == p.nsn-len(area)-1):
		return "0" + area + d
	}
	return ""
}

// accept takes a valid national number, or one that is plausibly mobile: new ranges are in use long before
// libphonenumber knows them.
func (p plan) accept(nsn string) string {
	if nsn[0] == '0' {
		return ""
	}
	e := "+" + p.country + nsn
	if strings.HasPrefix(nsn, p.mobile) || valid(e, "") == e {
		return e
	}
	return ""
}
