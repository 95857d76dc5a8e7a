package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"ringbook/calllog"
	"ringbook/pbx/pbxtest"
	"ringbook/web"
)

// callback makes one to a number, due in an hour.
func (d *deskAtWork) callback(number string) (f calllog.FollowUp) {
	d.t.Helper()
	d.do(http.MethodPost, "/follow-ups", map[string]any{"kind": "callback", "number": number, "due_at": time.Now().Add(time.Hour)}, &f)
	return f
}

// stands waits until a follow-up is in a state.
func (d *deskAtWork) stands(f calllog.FollowUp, state calllog.FollowUpState) calllog.FollowUp {
	d.t.Helper()
	eventually(d.t, "the callback is "+string(state), func() bool {
		status, body := d.try(http.MethodGet, "/follow-ups/"+f.ID.String(), nil)
		return status == http.StatusOK && json.Unmarshal(body, &f) == nil && f.State == state
	})
	return f
}

// S7: what becomes of callbacks on a real exchange: the customer does not answer, answers, or calls first.
func testFollowedUp(t *testing.T, d *deskAtWork) {
	desk := d.push()
	free := func() {
		t.Helper()
		awaitDesk(t, desk, "the phone is free", func(d web.Desk) bool { return d.Abilities.Dial == "" })
	}
	free()
	f := d.callback("09120002002")
	path := "/follow-ups/" + f.ID.String()
	var placed web.Attempt
	d.do(http.MethodPost, path+"/dial", map[string]any{}, &placed)
	if f = d.stands(f, calllog.FollowUpReached); f.LastCallID == nil || *f.LastCallID != placed.CallID || f.Tries != 1 || f.ClosedBy == nil {
		t.Errorf("reached: %s", asJSON(f))
	}
	other := d.callback("09120002003")
	if code := d.refusal(http.MethodPost, "/follow-ups/"+other.ID.String()+"/dial", map[string]any{}); code != "phone_busy" {
		t.Errorf("dialled while talking: %q", code)
	}
	if other = d.stands(other, calllog.FollowUpDue); other.Tries != 0 || other.Changes[len(other.Changes)-1].Detail["code"] != "phone_busy" {
		t.Errorf("a dial that was refused: %s", asJSON(other))
	}
	d.do(http.MethodDelete, "/calls/"+placed.CallID.String(), nil, nil)
	d.call(placed.CallID.String(), "the call has ended", hasEnded)
	d.lab.Quiet()

	d.far.Close()
	busy := d.lab.Carrier(pbxtest.Behaviour{Refuse: "486 Busy Here"})
	free()
	d.do(http.MethodPost, "/follow-ups/"+other.ID.String()+"/dial", map[string]any{}, &placed)
	other = d.stands(other, calllog.FollowUpNoAnswer)
	if other.ClaimedBy != nil || other.ClosedAt != nil || other.Tries != 1 || !other.DueAt.After(time.Now()) || *other.LastCallID != placed.CallID {
		t.Errorf("not answered: %s", asJSON(other))
	}
	d.lab.Quiet()
	busy.Close()

	customer, id := d.talking("09120002003")
	other = d.stands(other, calllog.FollowUpReached)
	if last := other.Changes[len(other.Changes)-1]; last.What != "called_again" || other.LastCallID == nil || other.LastCallID.String() != id {
		t.Errorf("the customer called first: %s", asJSON(other))
	}
	customer.HangUp()
	d.call(id, "the call has ended", hasEnded)
	d.lab.Quiet()
}
