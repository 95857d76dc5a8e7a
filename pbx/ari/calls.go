package ari

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The methods below are the REST calls that ringbook needs. All of them may be used at any time and from any
// goroutine, whether the stream is live or not; each takes at most Config.RequestTimeout; every failure is an
// *Error. "Any channel" means that the channel need not be in Stasis.

// Info is what GET /asterisk/info tells.
type Info struct {
	Version       string // "22.10.1~dfsg+~cs6.15.60671435-1"
	EntityID      string // asterisk_id of its events, by default a MAC address
	Started       time.Time
	LastReload    time.Time
	MaxChannels   int // 0: no limit
	SystemName    string
	DefaultLocale string
}

// Info asks who the PBX is.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var a struct {
		System struct {
			Version  string `json:"version"`
			EntityID string `json:"entity_id"`
		} `json:"system"`
		Config struct {
			Name        string `json:"name"`
			Language    string `json:"default_language"`
			MaxChannels int    `json:"max_channels"`
		} `json:"config"`
		Status struct {
			Started stamp `json:"startup_time"`
			Reload  stamp `json:"last_reload_time"`
		} `json:"status"`
	}
	err := c.call(ctx, http.MethodGet, "/asterisk/info", nil, nil, &a)
	return Info{
		Version: a.System.Version, EntityID: a.System.EntityID,
		Started: a.Status.Started.time, LastReload: a.Status.Reload.time,
		MaxChannels: a.Config.MaxChannels, SystemName: a.Config.Name, DefaultLocale: a.Config.Language,
	}, err
}

// Clock asks for the PBX's time, to the millisecond; compare it with ours halfway between asking and answer.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	var a struct {
		Timestamp stamp `json:"timestamp"`
	}
	err := c.call(ctx, http.MethodGet, "/asterisk/ping", nil, nil, &a)
	return a.Timestamp.time, err
}

// Channels lists every channel of the PBX.
func (c *Client) Channels(ctx context.Context) ([]Channel, error) {
	b, err := c.raw(ctx, http.MethodGet, "/channels", nil, nil)
	if err != nil {
		return nil, err
	}
	return decodeChannels(b)
}

// Channel reads any channel. ErrNotFound if it is gone.
func (c *Client) Channel(ctx context.Context, id string) (Channel, error) {
	var w wireChannel
	if err := c.call(ctx, http.MethodGet, path("channels", id), nil, nil, &w); err != nil {
		return Channel{}, err
	}
	w.Channel.CreationTime = w.CreationTime.time
	return w.Channel, nil
}

// Variable reads a variable or a function such as CHANNEL(linkedid) or CALLERID(num-pres) of any channel.
// ErrNotFound if the channel is gone or has no such variable.
func (c *Client) Variable(ctx context.Context, channel, name string) (string, error) {
	var a struct {
		Value string `json:"value"`
	}
	err := c.call(ctx, http.MethodGet, path("channels", channel, "variable"), url.Values{"variable": {name}}, nil, &a)
	return a.Value, err
}

// Hangup ends any channel. reason is normal, busy, congestion, no_answer, timeout, rejected, unallocated,
// normal_unspecified, number_incomplete, codec_mismatch, interworking, failure or answered_elsewhere; empty
// means normal. ErrNotFound if it is gone already.
func (c *Client) Hangup(ctx context.Context, channel, reason string) error {
	q := url.Values{}
	if reason != "" {
		q.Set("reason", reason)
	}
	return c.call(ctx, http.MethodDelete, path("channels", channel), q, nil, nil)
}

// Bridges lists every bridge of the PBX, those of Dial and Queue as well.
func (c *Client) Bridges(ctx context.Context) ([]Bridge, error) {
	b, err := c.raw(ctx, http.MethodGet, "/bridges", nil, nil)
	if err != nil {
		return nil, err
	}
	return decodeBridges(b)
}

// Endpoints lists the PBX's devices and trunks. An endpoint without a qualify is "online" only while it has a
// contact.
func (c *Client) Endpoints(ctx context.Context) ([]Endpoint, error) {
	var a []Endpoint
	err := c.call(ctx, http.MethodGet, "/endpoints", nil, nil, &a)
	return a, err
}

// Application is what the PBX knows about one event receiver.
type Application struct {
	Name        string        `json:"name"`
	Channels    []string      `json:"channel_ids"`  // "__AST_CHANNEL_ALL_TOPIC": every channel
	Bridges     []string      `json:"bridge_ids"`   // "__AST_BRIDGE_ALL_TOPIC"
	Endpoints   []string      `json:"endpoint_ids"` // "__AST_ENDPOINT_ALL_TOPIC"
	DeviceNames []string      `json:"device_names"`
	Allowed     []EventFilter `json:"events_allowed"`
	Disallowed  []EventFilter `json:"events_disallowed"`
}

// EventFilter names a type of event.
type EventFilter struct {
	Type string `json:"type"`
}

// Applications lists the event receivers. It hangs when ARI is wedged as a whole (asterisk#2170).
func (c *Client) Applications(ctx context.Context) ([]Application, error) {
	var a []Application
	err := c.call(ctx, http.MethodGet, "/applications", nil, nil, &a)
	return a, err
}

// Application reads one event receiver. ErrNotFound if no socket holds that name.
func (c *Client) Application(ctx context.Context, name string) (Application, error) {
	var a Application
	err := c.call(ctx, http.MethodGet, path("applications", name), nil, nil, &a)
	return a, err
}

// Subscribe adds event sources to an application: "channel:", "bridge:" and "endpoint:" mean all of them,
// "deviceState:PJSIP/1001" one. Never subscribe to "deviceState:" as a whole: closing such a socket can
// deadlock the PBX (asterisk#2170).
func (c *Client) Subscribe(ctx context.Context, app string, sources ...string) error {
	q := url.Values{"eventSource": {strings.Join(sources, ",")}}
	return c.call(ctx, http.MethodPost, path("applications", app, "subscription"), q, nil, nil)
}

// Unsubscribe takes event sources away.
func (c *Client) Unsubscribe(ctx context.Context, app string, sources ...string) error {
	q := url.Values{"eventSource": {strings.Join(sources, ",")}}
	return c.call(ctx, http.MethodDelete, path("applications", app, "subscription"), q, nil, nil)
}

// DisallowEvents replaces the list of types that the PBX does not send to an application. ErrNotFound on
// Asterisk older than 16.3 and 13.26.
func (c *Client) DisallowEvents(ctx context.Context, app string, types ...string) error {
	filter := make([]EventFilter, len(types))
	for i, t := range types {
		filter[i].Type = t
	}
	body := map[string][]EventFilter{"disallowed": filter}
	return c.call(ctx, http.MethodPut, path("applications", app, "eventFilter"), nil, body, nil)
}

// UserEvent makes the PBX send a ChannelUserevent to one application.
func (c *Client) UserEvent(ctx context.Context, app, name string, vars map[string]string) error {
	var body any
	if len(vars) > 0 {
		body = map[string]any{"variables": vars}
	}
	return c.call(ctx, http.MethodPost, path("events", "user", name), url.Values{"application": {app}}, body, nil)
}

// Originate says what to dial. Either App, or Extension with Context, is needed.
type Originate struct {
	Endpoint string // "PJSIP/1001"
	// ID is the new channel's id, chosen by the caller: with it a repeated request is an ErrConflict instead of a
	// second call. Use ids of one length, such as UUIDs: Asterisk 22.10.1 takes an id for existing that is merely
	// the beginning of a live channel's id ("call-9" while there is "call-99").
	ID         string
	App        string // a Stasis application, with
	AppArgs    string
	Context    string // or a place in the dialplan
	Extension  string
	Priority   int // 0: 1
	CallerID   string
	Timeout    time.Duration // whole seconds; 0: 30 s
	Originator string        // a channel whose linkedid the new one takes
	Variables  map[string]string
}

// Originate places a call: Endpoint is rung, and when it answers it goes where App or Extension says. It
// returns at once, with the channel as it began.
//
// Ask for the channel before acting on an ErrConflict: Asterisk 22.10.1 remembers it, and answers other
// failures on the same connection (an endpoint that is not registered, which is a 500) with the same 409. It
// also seems to leak a channel each time: after one such conflict its shutdown waits 15 s for a channel that
// GET /channels does not show. So a repeated request is safe, but not to be made a habit.
func (c *Client) Originate(ctx context.Context, o Originate) (Channel, error) {
	q := url.Values{"endpoint": {o.Endpoint}}
	for key, v := range map[string]string{
		"channelId": o.ID, "app": o.App, "appArgs": o.AppArgs, "context": o.Context, "extension": o.Extension,
		"callerId": o.CallerID, "originator": o.Originator,
	} {
		if v != "" {
			q.Set(key, v)
		}
	}
	if o.Extension != "" {
		q.Set("priority", strconv.Itoa(max(o.Priority, 1)))
	}
	if o.Timeout > 0 {
		q.Set("timeout", strconv.Itoa(int((o.Timeout+time.Second-1)/time.Second)))
	}
	var body any
	if len(o.Variables) > 0 {
		body = map[string]any{"variables": o.Variables}
	}
	var w wireChannel
	if err := c.call(ctx, http.MethodPost, "/channels", q, body, &w); err != nil {
		return Channel{}, err
	}
	w.Channel.CreationTime = w.CreationTime.time
	return w.Channel, nil
}

// Snoop says how to listen to a channel. Spy and Whisper are none, in, out or both: "in" is what comes from the
// channel's device, "out" what goes to it.
type Snoop struct {
	ID      string // the snoop channel's id, chosen by the caller
	App     string // the Stasis application that gets the snoop channel
	AppArgs string
	Spy     string
	Whisper string
}

// Snoop makes a snoop channel on any channel.
func (c *Client) Snoop(ctx context.Context, channel string, s Snoop) (Channel, error) {
	q := url.Values{"app": {s.App}}
	for key, v := range map[string]string{"spy": s.Spy, "whisper": s.Whisper, "appArgs": s.AppArgs, "snoopId": s.ID} {
		if v != "" {
			q.Set(key, v)
		}
	}
	var w wireChannel
	if err := c.call(ctx, http.MethodPost, path("channels", channel, "snoop"), q, nil, &w); err != nil {
		return Channel{}, err
	}
	w.Channel.CreationTime = w.CreationTime.time
	return w.Channel, nil
}

// DeviceState reads the state of any device: "PJSIP/1001", "Queue:support_avail", ... See type DeviceState.
func (c *Client) DeviceState(ctx context.Context, name string) (string, error) {
	var a DeviceState
	err := c.call(ctx, http.MethodGet, path("deviceStates", name), nil, nil, &a)
	return a.State, err
}

func decodeChannels(b []byte) ([]Channel, error) {
	var ws []wireChannel
	if err := unmarshal(b, &ws); err != nil {
		return nil, &Error{Op: "GET /channels", Status: http.StatusOK, Err: err}
	}
	channels := make([]Channel, 0, len(ws))
	for i := range ws {
		if ch := ws[i].channel(); ch != nil {
			channels = append(channels, *ch)
		}
	}
	return channels, nil
}

func decodeBridges(b []byte) ([]Bridge, error) {
	var ws []wireBridge
	if err := unmarshal(b, &ws); err != nil {
		return nil, &Error{Op: "GET /bridges", Status: http.StatusOK, Err: err}
	}
	bridges := make([]Bridge, 0, len(ws))
	for i := range ws {
		if br := ws[i].bridge(); br != nil {
			bridges = append(bridges, *br)
		}
	}
	return bridges, nil
}
