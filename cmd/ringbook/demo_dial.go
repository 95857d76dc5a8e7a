package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// In the demo, what is dialled from the screen is picked up by the agent after a moment, and answered.
var (
	pickUpTime = pauseRange{1500 * time.Millisecond, 2500 * time.Millisecond}
	answerTime = pauseRange{3 * time.Second, 6 * time.Second}
)

type object = map[string]any

// demoCall is a call from the screen on the demo's exchange: the agent's phone, and whoever is called.
type demoCall struct {
	exchange    *demoPBX
	phone, line object // channels, as they are
	called      bool   // line is there
	bridge      object // nil until they talk
	number      string
}

// dialFromScreens plays the calls that are placed from screens, until ctx ends and the last one is cut off.
func (d *demoPBX) dialFromScreens(ctx context.Context, dialled <-chan pbxtest.Dialled) {
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-dialled:
			calls.Go(func() { d.dial(ctx, c) })
		}
	}
}

// dial plays a call that was placed from the screen, until somebody hangs up or ctx ends.
func (d *demoPBX) dial(ctx context.Context, dialled pbxtest.Dialled) {
	c := &demoCall{exchange: d, phone: dialled.Channel, number: dialled.Extension}
	name := "PJSIP/trunk"
	if slices.Contains(demoExtensions, c.number) {
		name = "PJSIP/" + c.number
	}
	now := time.Now()
	c.line = object{
		"id": fmt.Sprintf("demo-%d", now.UnixNano()), "name": fmt.Sprintf("%s-%08x", name, uint32(now.UnixNano())), "state": "Down",
		"protocol_id": "", "caller": object{"name": "", "number": c.number}, "connected": object{"name": "", "number": ""},
		"accountcode": "", "language": "en",
		"dialplan": object{"context": "from-trunk", "exten": c.number, "priority": 1, "app_name": "AppDial", "app_data": "(Outgoing Line)"},
	}
	steps := []struct {
		after pauseRange
		do    func()
	}{
		{pauseRange{300 * time.Millisecond, 300 * time.Millisecond}, func() { c.becomes(&c.phone, nil, "Ringing", "RINGING") }},
		{pickUpTime, func() {
			c.becomes(&c.phone, nil, "Up", "ANSWER")
			c.phone = with(c.phone, "dialplan", object{"context": "from-internal", "exten": c.number, "priority": 1, "app_name": "Dial", "app_data": c.number})
			c.say("ChannelDialplan", object{"channel": c.phone, "dialplan_app": "Dial", "dialplan_app_data": c.number})
			c.line["creationtime"], c.called = time.Now().UTC().Format(ari.Layout), true
			c.say("ChannelCreated", object{"channel": c.line})
			c.say("Dial", object{"caller": c.phone, "peer": c.line, "dialstatus": "", "dialstring": c.number + "@trunk", "forward": ""})
		}},
		{pauseRange{400 * time.Millisecond, 400 * time.Millisecond}, func() { c.becomes(&c.line, c.phone, "Ringing", "RINGING") }},
		{answerTime, func() { c.becomes(&c.line, c.phone, "Up", "ANSWER"); c.meet() }},
		{talkTime, func() { c.hangUp(c.line) }},
	}
	for _, step := range steps {
		if !c.wait(ctx, step.after.draw()) {
			break
		}
		step.do()
	}
	if c.called && d.fake.Up(c.line["id"].(string)) && ctx.Err() == nil { // the agent has hung up
		c.hangUp(nil)
	}
}

// wait lets time pass; false: the agent has hung up, or ctx has ended.
func (c *demoCall) wait(ctx context.Context, d time.Duration) bool {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	over := time.After(d)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-over:
			return c.exchange.fake.Up(c.phone["id"].(string))
		case <-tick.C:
			if !c.exchange.fake.Up(c.phone["id"].(string)) {
				return false
			}
		}
	}
}

// becomes tells of a channel's new state and of what that means to who dialled it.
func (c *demoCall) becomes(channel *object, dialler object, state, status string) {
	*channel = with(*channel, "state", state)
	c.say("ChannelStateChange", object{"channel": *channel})
	event := object{"peer": *channel, "dialstatus": status, "dialstring": "", "forward": ""}
	if dialler != nil {
		event["caller"] = dialler
	}
	c.say("Dial", event)
}

// meet puts the two into a bridge.
func (c *demoCall) meet() {
	c.bridge = object{
		"id": c.line["id"].(string) + "-bridge", "technology": "simple_bridge", "bridge_type": "mixing", "bridge_class": "basic",
		"creator": "", "name": "", "channels": []string{}, "creationtime": time.Now().UTC().Format(ari.Layout), "video_mode": "none",
	}
	c.say("BridgeCreated", object{"bridge": c.bridge})
	ids := []string{}
	for _, ch := range []object{c.line, c.phone} {
		ids = append(ids, ch["id"].(string))
		c.bridge = with(c.bridge, "channels", slices.Clone(ids))
		c.say("ChannelEnteredBridge", object{"bridge": c.bridge, "channel": ch})
	}
}

// hangUp ends what is left of the call; by says who asked for it, nil: that was told already.
func (c *demoCall) hangUp(by object) {
	if by != nil {
		c.say("ChannelHangupRequest", object{"channel": by, "cause": 16})
	}
	for _, ch := range []object{c.line, c.phone} {
		if c.bridge != nil {
			c.bridge = with(c.bridge, "channels", []string{})
			c.say("ChannelLeftBridge", object{"bridge": c.bridge, "channel": ch})
		}
		if c.exchange.fake.Up(ch["id"].(string)) {
			c.say("ChannelDestroyed", object{"channel": ch, "cause": 16, "cause_txt": "Normal Clearing"})
		}
	}
	if c.bridge != nil {
		c.say("BridgeDestroyed", object{"bridge": c.bridge})
	}
}

func (c *demoCall) say(kind string, event object) {
	event["type"] = kind
	text, err := json.Marshal(event)
	if err == nil {
		err = c.exchange.fake.Emit(string(text))
	}
	if err != nil {
		panic(err) // maps of strings
	}
}

// with is a copy of an object in which key is another value.
func with(o object, key string, value any) object {
	o = maps.Clone(o)
	o[key] = value
	return o
}
