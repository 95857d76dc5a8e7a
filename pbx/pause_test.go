package pbx_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"ringbook/pbx"
	"ringbook/pbx/ami"
	"ringbook/pbx/ari"
)

func TestPauseReason(t *testing.T) {
	for said, want := range map[string]string{
		"Lunch":                       "Lunch",
		" ناهار ":                     "ناهار",
		"":                            "",
		"a\r\nAction: Originate\x00b": "a Action: Originate b",
		strings.Repeat("ن", 60):       strings.Repeat("ن", 39),
		"\xff\xfe":                    "",
	} {
		got := pbx.PauseReason(said)
		if got != want || !utf8.ValidString(got) || len(got) > 79 {
			t.Errorf("%q is kept as %q, want %q", said, got, want)
		}
		if again := pbx.PauseReason(got); again != got {
			t.Errorf("%q is kept as %q", got, again)
		}
	}
}

// Without a manager nothing can be paused, and that is said.
func TestExchange_PauseNeedsAManager(t *testing.T) {
	client, err := ari.New(ari.Config{Name: "lab", URL: "http://u:p@127.0.0.1:1/ari"})
	if err != nil {
		t.Fatal(err)
	}
	x := pbx.NewExchange(client, labConfig, slog.New(slog.DiscardHandler))
	if err := x.Pause(t.Context(), "1001", true, "Lunch"); !errors.Is(err, ami.ErrDown) {
		t.Errorf("got %v", err)
	}
}
