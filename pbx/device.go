package pbx

import (
	"context"
	"fmt"
	"sync"
	"time"

	"ringbook/pbx/ari"
)

// Device is an endpoint that a PBX knows: a phone or a line, whether it ever called or not.
type Device struct {
	PBX      string
	Endpoint string // "PJSIP/1001"
	State    DeviceState
}

// DeviceState tells whether a device can be reached.
type DeviceState string

const (
	DeviceOnline  DeviceState = "online"
	DeviceOffline DeviceState = "offline"
	DeviceUnknown DeviceState = "unknown" // a line that is not asked whether it is there
)

const (
	devicesAge     = 5 * time.Second // that an answer is good for
	devicesTimeout = 2 * time.Second
)

// devices is the last answer of a PBX about its devices.
type devices struct {
	mu   sync.Mutex // held while the PBX is asked, so that it is asked once
	list []Device
	err  error
	at   time.Time
}

// Devices asks the PBX for all its devices; it takes two seconds at most, and within five seconds gives the last answer
// again. A PBX that refuses its user is not asked. The caller must not change the list.
func (x *Exchange) Devices(ctx context.Context) ([]Device, error) {
	d := &x.devices
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.at.IsZero() && time.Since(d.at) < devicesAge {
		return d.list, d.err
	}
	if h := x.client.Health(); h.Refused {
		return nil, fmt.Errorf("list the devices of the PBX %s: %s", x.name, h.Reason)
	}
	// Others wait for this answer too: it does not end with the one who asked.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), devicesTimeout)
	defer cancel()
	var endpoints []ari.Endpoint
	endpoints, d.err = x.client.Endpoints(ctx)
	d.at = time.Now()
	d.list = make([]Device, 0, len(endpoints))
	for _, e := range endpoints {
		state := DeviceState(e.State)
		if state != DeviceOnline && state != DeviceOffline {
			state = DeviceUnknown
		}
		d.list = append(d.list, Device{x.name, e.Technology + "/" + e.Resource, state})
	}
	if d.err != nil {
		d.err = fmt.Errorf("list the devices of the PBX %s: %w", x.name, d.err)
	}
	return d.list, d.err
}
