package crm

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var tehran = Rules{Region: "IR", Area: "21"}

func TestParseNumber_M12_IranianShapes(t *testing.T) {
	const want = "+989121234567"
	for _, raw := range []string{
		"+989121234567", "989121234567", "00989121234567", "09121234567", "9121234567",
		"2109121234567", "219121234567", "210989121234567", "0989121234567",
		"+9809121234567", "+98 (0) 912 123 4567", "0098 0912 123 4567", "009121234567",
		"0912 123 4567", "0912-123-4567", "0912.123.4567", "(0912) 1234567", "0912/1234567", "0912_123_45_67",
		"۰۹۱۲۱۲۳۴۵۶۷", "٠٩١٢١٢٣٤٥٦٧", "+۹۸۹۱۲۱۲۳۴۵۶۷", "۰۹۱۲ ۱۲۳ ۴۵۶۷", "\u200e+98 912 123 4567\u200f",
		"tel:+98-912-123-4567", "tel:09121234567;phone-context=+98", "sip:09121234567@10.0.0.1:5060;user=phone",
		"sips:%2B989121234567@pbx.example", "09121234567@10.0.0.1", `"Sara" <sip:+989121234567@pbx>`, "  09121234567\t",
		"0912–123–4567", "021 0912 123 4567",
	} {
		for _, r := range []Rules{tehran, {Region: "IR"}} {
			if n := ParseNumber(raw, r); n.E164 != want || n.Kind != KindE164 || n.Key() != want {
				t.Errorf("ParseNumber(%q, %+v) = %+v, want %s", raw, r, n, want)
			}
		}
	}
}

func TestParseNumber_M12_LocalNumbersKeepTheirDigits(t *testing.T) {
	for raw, want := range map[string]string{
		"98121234":       "+982198121234", // begins like the calling code
		"98 12 12 34":    "+982198121234",
		"88881234":       "+982188881234",
		"91001234":       "+982191001234",
		"02188881234":    "+982188881234",
		"2188881234":     "+982188881234",
		"+982188881234":  "+982188881234",
		"982188881234":   "+982188881234",
		"00982188881234": "+982188881234",
		"(021) ۸۸۸۸۱۲۳۴": "+982188881234",
		"02198121234":    "+982198121234",
		"03132345678":    "+983132345678",
		"9812345678":     "+989812345678", // ten digits: a mobile number, not 98 and eight digits
	} {
		if n := ParseNumber(raw, tehran); n.Key() != want {
			t.Errorf("ParseNumber(%q) = %+v, want %s", raw, n, want)
		}
	}
	// Six and seven digits, with an area code or without: one key for all spellings that mean the same.
	for _, raw := range []string{"2345678", "234 5678", "0212345678", "۲۳۴۵۶۷۸"} {
		if n := ParseNumber(raw, tehran); n.Key() != "0212345678" || n.Kind != KindNational {
			t.Errorf("ParseNumber(%q) = %+v", raw, n)
		}
	}
	if n := ParseNumber("234567", tehran); n.Key() != "234567" || n.Kind != KindShort {
		t.Errorf("six digits: %+v", n)
	}
	if n := ParseNumber("88881234", Rules{Region: "IR"}); n.Key() != "88881234" || n.Kind != KindNational {
		t.Errorf("local number without an area: %+v", n)
	}
}

func TestParseNumber_M11_RegionAndAreaComeFromTheRules(t *testing.T) {
	for _, c := range []struct {
		raw, want string
		r         Rules
	}{
		{"07911 123456", "+447911123456", Rules{Region: "GB"}},
		{"0912 1234567", "+989121234567", Rules{Region: "IR"}},
		{"0044 7911 123456", "+447911123456", Rules{Region: "IR"}},
		{"447911123456", "+447911123456", Rules{Region: "IR"}},
		{"+447911123456", "+447911123456", Rules{}},
		{"00447911123456", "+447911123456", Rules{}},
		{"(212) 555-2368", "+12125552368", Rules{Region: "US"}},
		{"5552368", "+12125552368", Rules{Region: "US", Area: "212"}},
		{"011 98 912 123 4567", "+989121234567", Rules{Region: "US"}},
		{"612345678", "+33612345678", Rules{Region: "FR"}},
		{"06 12 34 56 78", "+33612345678", Rules{Region: "FR"}},
		{"32345678", "+983132345678", Rules{Region: "IR", Area: "31"}},
		{"07911 123456", "07911123456", Rules{}},
	} {
		if n := ParseNumber(c.raw, c.r); n.Key() != c.want {
			t.Errorf("ParseNumber(%q, %+v) = %+v, want %s", c.raw, c.r, n, c.want)
		}
	}
}

func TestParseNumber_M11_TrunkRules(t *testing.T) {
	outside := Rules{Region: "IR", Area: "21", Strip: []string{"9", "0#"}}
	for raw, want := range map[string]string{
		"909121234567": "+989121234567",
		"988881234":    "+982188881234",
		"9121234567":   "+989121234567", // nothing valid is left without the 9: it is not the outside line's
		"09121234567":  "+989121234567",
		"91001":        "91001",
	} {
		if n := ParseNumber(raw, outside); n.Key() != want {
			t.Errorf("strip: ParseNumber(%q) = %+v, want %s", raw, n, want)
		}
	}
	bare := Rules{Region: "IR", Add: "+49"}
	for raw, want := range map[string]string{"3012345678": "+493012345678", "+989121234567": "+989121234567"} {
		if n := ParseNumber(raw, bare); n.Key() != want {
			t.Errorf("add: ParseNumber(%q) = %+v, want %s", raw, n, want)
		}
	}
	n := Numbering{Default: tehran, PBX: map[string]Rules{"isfahan": {Region: "IR", Area: "31"}}, Trunk: map[string]Rules{"isfahan/PJSIP/uk": {Region: "GB"}}}
	for _, c := range [][3]string{{"main", "PJSIP/x", "21"}, {"isfahan", "PJSIP/x", "31"}, {"isfahan", "PJSIP/uk", ""}} {
		if r := n.Rules(c[0], c[1]); r.Area != c[2] {
			t.Errorf("Rules(%s, %s) = %+v", c[0], c[1], r)
		}
	}
}

func TestParseNumber_M10_ExtensionIsParsedOffAndKept(t *testing.T) {
	for _, raw := range []string{
		"021 8888 1234 x543", "02188881234x543", "02188881234 ext 543", "02188881234 ext. 543", "02188881234ext543",
		"02188881234 Extension 543", "02188881234 داخلی ۵۴۳", "۰۲۱۸۸۸۸۱۲۳۴ داخلي ٥٤٣", "02188881234 (داخلی: 543)",
		"02188881234#543", "02188881234,,543", "tel:+982188881234;ext=543", "+982188881234;ext=543", "88881234 x 543", "sip:02188881234@h;ext=543",
	} {
		if n := ParseNumber(raw, tehran); n.Key() != "+982188881234" || n.Extension != "543" {
			t.Errorf("ParseNumber(%q) = %+v", raw, n)
		}
	}
}

func TestParseNumber_M13_OddCallersKeepAKindAndAKey(t *testing.T) {
	for raw, want := range map[string]Number{
		"":                                  {Kind: KindWithheld},
		"   ":                               {Kind: KindWithheld},
		"Anonymous":                         {Kind: KindWithheld},
		"anonymous@anonymous.invalid":       {Kind: KindWithheld},
		"<sip:anonymous@anonymous.invalid>": {Kind: KindWithheld},
		"unavailable":                       {Kind: KindWithheld},
		"Restricted":                        {Kind: KindWithheld},
		"<unknown>":                         {Kind: KindWithheld},
		"asterisk":                          {Kind: KindWithheld},
		"s":                                 {Kind: KindWithheld},
		"0000000000":                        {Kind: KindWithheld},
		"۰۰۰۰۰۰۰۰۰۰":                        {Kind: KindWithheld},
		"\x00":                              {Kind: KindWithheld},
		"1001":                              {Kind: KindShort, Plain: "1001"},
		"110":                               {Kind: KindShort, Plain: "110"},
		"02196":                             {Kind: KindShort, Plain: "02196"},
		"*97":                               {Kind: KindShort, Plain: "*97"},
		"ACME Ltd":                          {Kind: KindText, Plain: "acme ltd"},
		"sip:Bob@Example.com;tag=1":         {Kind: KindText, Plain: "bob@example.com"},
		`"Bob" <sip:bob@example.com:5060>`:  {Kind: KindText, Plain: "bob@example.com:5060"},
		strings.Repeat("1", 40):             {Kind: KindNational, Plain: strings.Repeat("1", 40)},
		"+" + strings.Repeat("1", 40):       {Kind: KindNational, Plain: "+" + strings.Repeat("1", 40)},
		"0912\x001234567":                   {Kind: KindE164, E164: "+989121234567"},
		"+":                                 {Kind: KindText, Plain: "+"},
		"+98":                               {Kind: KindNational, Plain: "+98"},
		"00":                                {Kind: KindWithheld},
		"++989121234567":                    {Kind: KindText, Plain: "++989121234567"},
		"\xff\xfe bad":                      {Kind: KindText, Plain: "bad"},
	} {
		got := ParseNumber(raw, tehran)
		got.Raw = ""
		if got != want {
			t.Errorf("ParseNumber(%q) = %+v, want %+v", raw, got, want)
		}
	}
	if n := ParseNumber(strings.Repeat("x", 5<<20), tehran); utf8.RuneCountInString(n.Raw) > maxRaw || n.Kind != KindText {
		t.Errorf("5 MB: %d characters, %s", len(n.Raw), n.Kind)
	}
}

func TestParseNumber_M2_HumanSpellingsAreOneNumber(t *testing.T) {
	want := ParseNumber("+982188881234", tehran).Key()
	for _, raw := range []string{"021/88881234", "021 / 8888 12 34", "021-8888-1234", "(021)88881234", "0 21 88 88 12 34", "+98/21/88881234", "021\\88881234"} {
		if n := ParseNumber(raw, tehran); n.Key() != want {
			t.Errorf("ParseNumber(%q) = %+v, want %s", raw, n, want)
		}
	}
}

// checkNumber holds for every input.
func checkNumber(t interface{ Fatalf(string, ...any) }, raw string, r Rules) {
	n := ParseNumber(raw, r)
	for _, s := range []string{n.Raw, n.E164, n.Plain, n.Extension} {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) || utf8.RuneCountInString(s) > maxRaw {
			t.Fatalf("ParseNumber(%q) = %+v cannot be stored", raw, n)
		}
	}
	if (n.Kind == KindE164) != (n.E164 != "") || (n.Kind == KindWithheld) != (n.Key() == "") || (n.E164 != "" && n.Plain != "") {
		t.Fatalf("ParseNumber(%q) = %+v: kind and key disagree", raw, n)
	}
	if n.E164 != "" && (len(n.E164) > 16 || n.E164[0] != '+' || strings.Trim(n.E164[1:], "0123456789") != "") {
		t.Fatalf("ParseNumber(%q) = %+v: no E.164", raw, n)
	}
	if again := ParseNumber(n.Key(), r); again.Key() != n.Key() {
		t.Fatalf("ParseNumber(%q) has the key %q, and that the key %q", raw, n.Key(), again.Key())
	}
	if folded := Fold(raw); Fold(folded) != folded || !utf8.ValidString(folded) || strings.ContainsRune(folded, 0) {
		t.Fatalf("Fold(%q) = %q, and again %q", raw, folded, Fold(folded))
	}
}

func TestParseNumber_KeyIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.OneOf(rapid.StringMatching(`(\+|00|0)?(98|21|0){0,3}[0-9]{4,12}( ?x[0-9]{1,4})?`), rapid.String()).Draw(t, "raw")
		r := rapid.SampledFrom([]Rules{tehran, {Region: "IR"}, {}, {Region: "GB"}, {Region: "US", Area: "212"}}).Draw(t, "rules")
		checkNumber(t, raw, r)
	})
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"09121234567", "+98", "sip:a@b;c", "x543", "02188881234 داخلی ۱۲", "\x00", "tel:+1;ext=1", "<", "۰۰۹۸", "98121234", "0##", "0#0#0", "0#0-", "anonymous", `"a" <b@c>`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		checkNumber(t, raw, tehran)
		checkNumber(t, raw, Rules{Region: "DE", Area: "30", Strip: []string{"0"}})
		checkNumber(t, raw, Rules{})
	})
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"علي كريمي":       "علی کریمی",
		"می‌روم":          "میروم",
		"مُحَمَّد":        "محمد",
		"شرکتِ آب‌وهوا":   "شرکت ابوهوا",
		"خانهٔ ما":        "خانه ما",
		"خانۀ ما":         "خانه ما",
		"رأی مؤسسه مسئول": "رای موسسه مسیول",
		"۱۲۳ ٤٥٦":         "123 456",
		"فاطمة":           "فاطمه",
		"إســـلام":        "اسلام",
		"École ÉTÉ":       "ecole ete",
		"  a--b\u200f c ": "a b c",
		"ﻣﺤﻤﺪ":            "محمد",
		"":                "",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}
