package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"ringbook/crm"
)

func TestWhen(t *testing.T) {
	h := newHouse(t)
	c := h.program(h.agent("neda", crm.RoleAgent, "1001"))
	ask := func(q, lang string) string { return "/when?q=" + url.QueryEscape(q) + "&lang=" + lang }

	now := time.Now().In(tehran(t))
	for q, lang := range map[string]string{"فردا ساعت ۱۰": "fa", "tomorrow 10am": "en"} {
		var w When
		c.want(http.StatusOK, http.MethodGet, ask(q, lang), nil, &w)
		if want := time.Date(now.Year(), now.Month(), now.Day()+1, 10, 0, 0, 0, tehran(t)); !w.At.Equal(want) || w.DayOnly {
			t.Errorf("%s is %+v, want %s", q, w, want)
		}
	}
	for q, want := range map[string]string{"whenever": "understood", "yesterday": "in the past", "31 mehr": "calendar", "tomorrow 25:00": "the day does not have", "in 20 years": "ten years"} {
		res, answer := c.send(http.MethodGet, ask(q, "en"), nil)
		if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(answer), want) || !strings.Contains(string(answer), "query.q") {
			t.Errorf("%s: %d %s", q, res.StatusCode, answer)
		}
	}
	c.want(http.StatusUnprocessableEntity, http.MethodGet, "/when", nil, nil)
	c.want(http.StatusUnprocessableEntity, http.MethodGet, ask(strings.Repeat("x", 201), "en"), nil, nil)
	c.want(http.StatusUnprocessableEntity, http.MethodGet, ask("\x00", "en"), nil, nil)
}
