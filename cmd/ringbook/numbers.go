package main

import (
	"regexp"
	"slices"
	"strings"
)

// NumberRules says how bare numbers are to be read, by exchange and trunk. Each of region, area and strip has the
// same small syntax: words separated by spaces, the one without "=" for everything, "exchange=VALUE" for the calls
// of one exchange, "exchange/trunk=VALUE" for those of one of its trunks, the trunk as Asterisk names the endpoint:
//
//	RINGBOOK_AREA="21 isfahan=31 main/PJSIP/gsm=912"
//
// The most particular word wins, setting by setting.
type NumberRules struct {
	region, area, strip scoped
}

// scoped is a setting by scope: "" for everything, "pbx", "pbx/trunk".
type scoped map[string]string

// value is the setting that applies to trunk of pbx.
func (s scoped) value(pbx, trunk string) string {
	if v, ok := s[pbx+"/"+trunk]; ok && trunk != "" {
		return v
	}
	if v, ok := s[pbx]; ok {
		return v
	}
	return s[""]
}

var (
	regionShape = regexp.MustCompile(`^[A-Z]{2}$`)
	areaShape   = regexp.MustCompile(`^[1-9][0-9]{0,4}$`)
	stripShape  = regexp.MustCompile(`^[0-9+*#]{1,8}$`)
)

func parseNumberRules(c Config, exchanges []ExchangeSettings, faults *Faults) NumberRules {
	known := func(pbx string) bool {
		return slices.ContainsFunc(exchanges, func(x ExchangeSettings) bool { return x.Name == pbx })
	}
	parse := func(field, text string, shape *regexp.Regexp, right string) scoped {
		s := scoped{}
		for word := range strings.FieldsSeq(text) {
			scope, value, ok := strings.Cut(word, "=")
			if !ok {
				scope, value = "", word
			}
			pbx, _, _ := strings.Cut(scope, "/")
			_, twice := s[scope]
			switch {
			case ok && scope == "":
				faults.add(field, "%q names no exchange before the =; write exchange=%s", word, value)
			case scope != "" && !known(pbx):
				faults.add(field, "%q: there is no exchange %q in RINGBOOK_PBX; use one of its names", word, pbx)
			case !shape.MatchString(value) && !(scope != "" && value == ""):
				faults.add(field, "%q is not right; write %s", word, right)
			case twice:
				faults.add(field, "%q is the second value for the same scope; leave one of them out", word)
			default:
				s[scope] = value
			}
		}
		return s
	}
	rules := NumberRules{
		region: parse("RINGBOOK_REGION", c.Region, regionShape, "a country as two capital letters, as IR"),
		area:   parse("RINGBOOK_AREA", c.Area, areaShape, "digits without the leading 0, as 21"),
		strip:  parse("RINGBOOK_STRIP", c.Strip, stripShape, "the digits to take away, as 9"),
	}
	if rules.region[""] == "" && !slices.ContainsFunc(*faults, func(f Fault) bool { return f.Name == "RINGBOOK_REGION" }) {
		faults.add("RINGBOOK_REGION", "names no country for everything; write one without an exchange, as IR")
	}
	return rules
}
