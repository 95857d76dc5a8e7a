package screenpop

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

func TestBoard_OutboundAndInternal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{}
		b := open(t, o)
		now := time.Now()
		out := ring()
		out.Direction, out.Caller, out.Dialed, out.Queue = pbx.Outbound, pbx.Party{Number: "1001"}, "0912", ""
		out.Legs = []pbx.Leg{{ID: "1", Role: pbx.RoleAgent, Extension: "1001", OfferedAt: now}}
		b.Update(t.Context(), out)
		synctest.Wait()
		if d := b.Desk(neda.ID); only(t, d).State != PopDialing || d.State != crm.Talking || only(t, d).Customer == nil {
			t.Errorf("dialing: %+v", d)
		}
		in := ring()
		in.Direction, in.Caller, in.Dialed, in.Queue = pbx.Internal, pbx.Party{Number: "1002"}, "1003", ""
		in.Legs = []pbx.Leg{
			{ID: "1", Role: pbx.RoleAgent, Extension: "1002", OfferedAt: now},
			{ID: "2", Role: pbx.RoleAgent, Extension: "1003", OfferedAt: now},
		}
		n := o.questions()
		b.Update(t.Context(), in)
		synctest.Wait()
		if p := only(t, b.Desk(omid.ID)); p.State != PopDialing || !p.LookedUp || p.Rule != crm.RuleNone {
			t.Errorf("who calls sees %+v", p)
		}
		if p := only(t, b.Desk(reza.ID)); p.State != PopRinging {
			t.Errorf("who is called sees %s", p.State)
		}
		if o.questions() != n {
			t.Error("a colleague was looked up as a customer")
		}
	})
}

func TestBoard_TransferShowsWhoHandedItOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		c := ring("1001")
		b.Update(t.Context(), c)
		c = answer(c, "1001")
		b.Update(t.Context(), c)
		time.Sleep(time.Minute)
		c = later(c)
		c.Transfers = []pbx.Transfer{{Kind: pbx.Blind, At: time.Now(), By: "1001", To: "1002"}}
		c.Legs[1].EndedAt, c.Legs[1].End = time.Now(), pbx.EndTransferred
		c.Legs = append(c.Legs, pbx.Leg{ID: "9", Role: pbx.RoleAgent, Extension: "1002", OfferedAt: time.Now()})
		b.Update(t.Context(), c)
		p := only(t, b.Desk(omid.ID))
		if p.State != PopRinging || p.TransferredBy == nil || p.TransferredBy.Name != "Neda" || p.Customer == nil {
			t.Errorf("receiver sees %s, transferred by %v", p.State, p.TransferredBy)
		}
		if p := only(t, b.Desk(neda.ID)); p.State != PopEnded || p.TransferredBy != nil {
			t.Errorf("who transferred sees %s", p.State)
		}
	})
}

// Neda asks Omid about Sara's call and hands it over to him: his desk shows Neda while they talk about it, then Sara,
// whom Neda sent, with Neda's note; of the question nothing stays on either desk.
func TestBoard_P12_AttendedTransferShowsTheCustomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{}
		b := open(t, o)
		ctx := context.Background()
		call := answer(ring("1001"), "1001")
		b.Update(ctx, call)
		time.Sleep(time.Second)

		question := ring("1001", "1002")
		question.Direction, question.Queue, question.Dialed, question.Caller = pbx.Internal, "", "1002", pbx.Party{Number: "1001"}
		question.Legs = question.Legs[1:]
		b.Update(ctx, question)
		question = answer(question, "1002")
		b.Update(ctx, question)
		time.Sleep(time.Second)
		if p := only(t, b.Desk(omid.ID)); p.State != PopTalking || p.Customer != nil || p.Call.ID != question.ID {
			t.Errorf("while he is asked Omid sees %s of %s", p.State, p.Call.Caller.Number)
		}
		if d := b.Desk(neda.ID); len(d.Calls) != 2 {
			t.Errorf("Neda sees %d calls, want the customer's and hers", len(d.Calls))
		}

		o.set(func(o *backOffice) { o.note.Note = "wants to cancel" })
		b.Refresh(call.ID)
		question = later(question)
		question.State, question.EndedAt, question.Outcome, question.MergedInto = pbx.StateEnded, time.Now(), pbx.Answered, call.ID
		b.Update(ctx, question)
		call = later(call)
		call.Transfers = []pbx.Transfer{{Kind: pbx.Attended, At: time.Now(), By: "1001", To: "1002"}}
		call.Legs[1].EndedAt, call.Legs[1].End = time.Now(), pbx.EndTransferred
		moved := question.Legs[1]
		moved.Parent, moved.EndedAt, moved.End = call.Legs[1].ID, time.Time{}, ""
		moved.ID = "9"
		call.Legs = append(call.Legs, moved)
		b.Update(ctx, call)
		time.Sleep(time.Second)
		p := only(t, b.Desk(omid.ID))
		if p.State != PopTalking || p.Call.ID != call.ID || p.Customer == nil || p.TransferredBy == nil || p.TransferredBy.Name != "Neda" ||
			p.Note != "wants to cancel" {
			t.Errorf("Omid sees %s, customer %v, sent by %v, note %q", p.State, p.Customer, p.TransferredBy, p.Note)
		}
		if p := only(t, b.Desk(neda.ID)); p.State != PopEnded || p.Call.ID != call.ID {
			t.Errorf("Neda sees %s of %s", p.State, p.Call.ID)
		}
	})
}

// P12: the same extension may be on two exchanges. Neda has 1001 on the one, Reza on the other, to whom she sends the call.
func TestBoard_P12_TheSameExtensionOnTwoExchanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		b.cfg.Directory = twoHouses{"main": house{"1001": neda}, "other": house{"1001": reza}}
		c := answer(ring("1001"), "1001")
		b.Update(t.Context(), c)
		time.Sleep(time.Minute)
		c = later(c)
		c.Transfers = []pbx.Transfer{{Kind: pbx.Blind, At: time.Now(), By: "1001", To: "81001"}}
		c.Legs[1].EndedAt, c.Legs[1].End = time.Now(), pbx.EndTransferred
		c.Legs = append(c.Legs, pbx.Leg{ID: "other/9", PBX: "other", Role: pbx.RoleAgent, Extension: "1001", OfferedAt: time.Now()})
		b.Update(t.Context(), c)
		if p := only(t, b.Desk(reza.ID)); p.State != PopRinging || p.TransferredBy == nil || p.TransferredBy.Name != "Neda" {
			t.Errorf("the receiver sees %s, transferred by %v", p.State, p.TransferredBy)
		}
		if p := only(t, b.Desk(neda.ID)); p.State != PopEnded {
			t.Errorf("who transferred sees %s", p.State)
		}
	})
}

// twoHouses are the directories of several exchanges, by their names.
type twoHouses map[string]house

func (h twoHouses) ByExtension(exchange, ext string) (crm.AgentRef, bool) {
	return h[exchange].ByExtension(exchange, ext)
}

func (h twoHouses) Agents() (all []crm.AgentRef) {
	for _, one := range h {
		all = append(all, one.Agents()...)
	}
	return all
}

func (h twoHouses) Agent(id uuid.UUID) (crm.AgentRef, bool) {
	for _, one := range h {
		if a, ok := one.Agent(id); ok {
			return a, true
		}
	}
	return crm.AgentRef{}, false
}
