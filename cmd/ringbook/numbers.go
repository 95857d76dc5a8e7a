package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"ringbook/crm"
)

// The settings of numbers share one small syntax: words separated by spaces, the one without "=" for everything,
// "exchange=VALUE" for the calls of one exchange, "exchange/trunk=VALUE" for those of one of its lines, which is
// written as Asterisk names the endpoint:
//
//	RINGBOOK_AREA="21 isfahan=31 main/PJSIP/gsm=912"
//
// The most particular word wins, setting by setting. "exchange=" takes a setting away.

// scoped is one setting by scope: "" for everything, "pbx", "pbx/trunk".
type scoped map[string]string

// value is the setting that applies in a scope.
func (s scoped) value(scope string) string {
	if v, ok := s[scope]; ok {
		return v
	}
	pbx, _, _ := strings.Cut(scope, "/")
	if v, ok := s[pbx]; ok {
		return v
	}
	return s[""]
}

var (
	regionShape     = regexp.MustCompile(`^[A-Z]{2}$`)
	areaShape       = regexp.MustCompile(`^[1-9][0-9]{0,4}$`)
	stripShape      = regexp.MustCompile(`^[0-9+*#]{1,8}(,[0-9+*#]{1,8})*$`)
	contextShape    = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,79}$`)
	dialPrefixShape = regexp.MustCompile(`^[0-9]{1,8}$`)
	addShape        = regexp.MustCompile(`^\+?[0-9]{1,8}$`)
)

// parseNumbering reads the settings of numbers into the rules that package crm reads numbers by.
func parseNumbering(c Config, exchanges []ExchangeSettings, faults *Faults) crm.Numbering {
	region := parseScoped("RINGBOOK_REGION", c.Region, regionShape, "a country as two capital letters, as IR", exchanges, faults)
	area := parseScoped("RINGBOOK_AREA", c.Area, areaShape, "digits without the leading 0, as 21", exchanges, faults)
	strip := parseScoped("RINGBOOK_STRIP", c.Strip, stripShape, "the digits to take away, as 9, several as 9,09", exchanges, faults)
	add := parseScoped("RINGBOOK_ADD", c.Add, addShape, "the digits to put before, as +98", exchanges, faults)
	if strings.TrimSpace(c.Region) == "" {
		faults.add("RINGBOOK_REGION", "is empty; write a country as two capital letters, as IR")
	}

	rules := func(scope string) crm.Rules {
		r := crm.Rules{Region: region.value(scope), Area: area.value(scope), Add: add.value(scope)}
		if prefixes := strip.value(scope); prefixes != "" {
			r.Strip = strings.Split(prefixes, ",")
		}
		return r
	}
	n := crm.Numbering{Default: rules(""), PBX: map[string]crm.Rules{}, Trunk: map[string]crm.Rules{}}
	for _, setting := range []scoped{region, area, strip, add} {
		for scope := range maps.Keys(setting) {
			switch {
			case strings.Contains(scope, "/"):
				n.Trunk[scope] = rules(scope)
			case scope != "":
				n.PBX[scope] = rules(scope)
			}
		}
	}
	return n
}

func parseScoped(field, text string, shape *regexp.Regexp, right string, exchanges []ExchangeSettings, faults *Faults) scoped {
	known := func(pbx string) bool {
		return slices.ContainsFunc(exchanges, func(x ExchangeSettings) bool { return x.Name == pbx })
	}
	s := scoped{}
	for word := range strings.FieldsSeq(text) {
		scope, value, particular := strings.Cut(word, "=")
		if !particular {
			scope, value = "", word
		}
		pbx, _, _ := strings.Cut(scope, "/")
		_, twice := s[scope]
		switch {
		case particular && scope == "":
			faults.add(field, "%q names no exchange before the =; write exchange=%s", word, value)
		case particular && !known(pbx):
			faults.add(field, "%q: there is no exchange %q in RINGBOOK_PBX; use one of its names", word, pbx)
		case !shape.MatchString(value) && (!particular || value != ""):
			faults.add(field, "%q is not right; write %s", word, right)
		case twice:
			faults.add(field, "%q is the second value for the same scope; leave one of them out", word)
		default:
			s[scope] = value
		}
	}
	return s
}
