package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"ringbook/pbx/ami"
)

// modules have the actions that a module brings.
var modules = map[string]string{
	"QueueStatus": "app_queue.so", "QueuePause": "app_queue.so", "PJSIPNotify": "res_pjsip_notify.so", "MixMonitorMute": "app_mixmonitor.so",
}

// ami examines the exchange's manager as the service uses it.
func (e *examination) ami(ctx context.Context) {
	if e.manager.URL == "" {
		e.note("AMI is not given: queues with their members, pausing, transfers and hold at the desk stay off. To have them, add a user to manager.conf, \"asterisk -rx 'manager reload'\", and set RINGBOOK_AMI=%s=tcp://ringbook:…@host:5038.", e.manager.Name)
		e.more(managerStanza("ringbook", e.host))
		return
	}
	u, err := url.Parse(e.manager.URL)
	if err != nil {
		return // parseManagers has read it before
	}
	user := u.User.Username()
	u.User = nil
	client, err := ami.New(ami.Config{Name: e.manager.Name, URL: e.manager.URL, CAFile: e.ca, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		e.broken("%s.", sentence(err.Error()))
		return
	}
	live, booted := make(chan struct{}, 1), make(chan struct{}, 1)
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = client.Run(ctx, func(item ami.Item) { // ends with ctx
			switch {
			case item.Live != nil:
				nudge(live)
			case item.Event != nil && item.Event.Name == "FullyBooted":
				nudge(booted)
			}
		})
	}()
	defer func() {
		stop()
		<-done
	}()
	if !e.connected(ctx, client, live) {
		if ctx.Err() != nil {
			return
		}
		h := client.Health()
		reason, _, _ := strings.Cut(h.Reason, ";") // when it is tried again is no matter here
		e.broken("AMI at %s, user %s: %s.", u.Host, user, reason)
		if h.Refused || strings.Contains(h.Reason, "manager.conf") {
			e.more("Compare with the PBX's manager.conf; ringbook needs a user like this, and in [general] enabled=yes and a bindaddr that\nit reaches. Then \"asterisk -rx 'manager reload'\":\n\n" + managerStanza(user, u.Hostname()))
		}
		return
	}
	h := client.Health()
	e.good("AMI answers and takes the user %s and its password (manager %s).", user, h.Protocol)
	if u.Scheme == "tcp" && !local(u.Hostname()) {
		e.warn("What AMI says crosses the network unencrypted: use tls:// (manager.conf: tlsenable=yes), or keep the PBX on a network of its own.")
	}
	denied := false
	for _, p := range powers {
		if e.may(ctx, client, p) {
			denied = true
		}
	}
	select {
	case <-booted:
	case <-time.After(300 * time.Millisecond):
		e.note("AMI told nothing of itself: read= of the user seems to lack system. A reload of queues is then noticed some seconds later.")
	}
	if denied {
		e.more("In manager.conf the user must be like this; then \"asterisk -rx 'manager reload'\":\n\n" + managerStanza(user, u.Hostname()))
	}
	e.queues(ctx, client)
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// connected waits until the manager lets us in, or is known not to.
func (e *examination) connected(ctx context.Context, client *ami.Client, live <-chan struct{}) bool {
	ctx, cancel := context.WithTimeout(ctx, e.patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-live:
			return true
		case <-ctx.Done():
			return false
		case <-tick.C:
			if h := client.Health(); h.Refused || h.Err != "" {
				return false
			}
		}
	}
}

// may says whether the user may do one thing, and what is missing. It tells whether a right is. What is not listed for the
// user does nothing when it is asked for, but say why.
func (e *examination) may(ctx context.Context, client *ami.Client, p power) (denied bool) {
	missing := p.missing(client.Health().Rights)
	if len(missing) == 0 {
		e.good("AMI is there %s (%s).", p.what, strings.Join(p.actions, ", "))
		return false
	}
	var why []string
	for _, action := range missing {
		_, err := client.Do(ctx, ami.Action{Name: action})
		said := ""
		switch {
		case errors.Is(err, ami.ErrDenied):
			said = "write= lacks " + ami.RightOf(action)
			denied = true
		case errors.Is(err, ami.ErrUnknown) && modules[action] != "":
			said = fmt.Sprintf("the PBX has no %s: load %s", action, modules[action])
		case errors.Is(err, ami.ErrUnknown):
			said = "this Asterisk has no " + action
		case err != nil:
			said = ami.Explain(err)
		}
		if said != "" && !slices.Contains(why, said) {
			why = append(why, said)
		}
	}
	e.warn("AMI is not there %s (%s): %s.", p.what, strings.Join(missing, ", "), strings.Join(why, "; "))
	return denied
}

// queues says which queues AMI shows.
func (e *examination) queues(ctx context.Context, client *ami.Client) {
	answer, err := client.Do(ctx, ami.Action{Name: "QueueStatus"})
	if err != nil {
		return // said before
	}
	members := map[string]int{}
	var names []string
	for i := range answer.Events {
		switch event := &answer.Events[i]; event.Name {
		case "QueueParams":
			names = append(names, event.Get("Queue"))
		case "QueueMember":
			members[event.Get("Queue")]++
		}
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = fmt.Sprintf("%s with %s", name, plural(members[name], "member"))
	}
	e.good("%s: %s.", plural(len(names), "queue"), some(names))
}

// broken is a fault of AMI, without which ringbook works.
func (e *examination) broken(format string, args ...any) {
	e.bad(format, args...)
	e.wrong--
	e.brokenAMI++
}
