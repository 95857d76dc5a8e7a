package calllog

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/ami"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// What was done is in the audit, what was refused is not; and what may have been done is, as that.
func TestActs_WhatMayHaveBeenDoneIsAudited(t *testing.T) {
	t.Parallel()
	fake, manager := pbxtest.NewFake(pbxtest.FakeConfig{Endpoints: []string{"PJSIP/1001"}}), pbxtest.NewAMI(pbxtest.AMIConfig{})
	t.Cleanup(fake.Close)
	t.Cleanup(manager.Close)
	d, store := callCentre(t)
	if _, err := d.Pool().Exec(deadline(t), `INSERT INTO agent_extension (agent_id, extension, position) VALUES ($1, '1001', 0)`, neda.ID); err != nil {
		t.Fatal(err)
	}
	if err := store.crm.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	stream, err := ari.New(ari.Config{Name: "main", URL: fake.URL(), DialContext: fake.Dial})
	if err != nil {
		t.Fatal(err)
	}
	actions, err := ami.New(ami.Config{Name: "main", URL: manager.URL(), DialContext: manager.Dial, ActionTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	x := pbx.NewExchange(stream, pbx.Config{Name: "main"}, testLog(t))
	x.UseAMI(actions)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = x.Run(ctx, func(context.Context, pbx.Call) {}) })
	t.Cleanup(func() { cancel(); running.Wait() })
	await(t, "the exchange and its manager are there", func() bool {
		health, _ := x.AMI()
		return x.Health().Live && health.Live
	})

	acts := NewActs(ActsConfig{DB: d, CRM: store.crm, Calls: store, Exchanges: []*pbx.Exchange{x}, Log: testLog(t)})
	now := time.Now()
	call := pbx.Call{ID: uuid.New(), PBX: "main", Direction: pbx.Inbound, State: pbx.StateTalking, StartedAt: now, AnsweredAt: now, Legs: []pbx.Leg{
		{ID: "1.0", Channel: "PJSIP/trunk-00000000", Role: pbx.RoleCustomer, OfferedAt: now, AnsweredAt: now},
		{ID: "1.1", Channel: "PJSIP/1001-00000001", Role: pbx.RoleAgent, Extension: "1001", OfferedAt: now, AnsweredAt: now},
	}}
	transfer := func() pbx.Code {
		return pbx.Refused(acts.Transfer(deadline(t), agentNeda, call, Destination{Kind: pbx.Blind, Number: "1002"}))
	}
	audited := func(where string) int {
		return count(t, d, `SELECT count(*) FROM audit WHERE action = 'transfer' AND entity_id = $1 AND `+where, call.ID.String())
	}
	manager.Answer("BlindTransfer", func(ami.Action) string { return "Response: Success\r\nMessage: Transfer succeeded\r\n" })
	if code := transfer(); code != "" || audited(`NOT changes ? 'perhaps'`) != 1 {
		t.Errorf("done: refused as %q, %d times in the audit", code, audited("true"))
	}
	manager.Answer("BlindTransfer", func(ami.Action) string { return "Response: Error\r\nMessage: Transfer failed\r\n" })
	if code := transfer(); code != pbx.TransferFailed || audited("true") != 1 {
		t.Errorf("not done: refused as %q, %d times in the audit", code, audited("true"))
	}
	manager.Set(pbxtest.AMIFaults{Silent: true})
	if code := transfer(); code != pbx.PerhapsDone || audited(`changes ? 'perhaps'`) != 1 {
		t.Errorf("not answered: refused as %q, %d times in the audit", code, audited("true"))
	}
}
