package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx/pbxtest"
)

// demoCommand is serve with everything around it invented: a database of its own with customers and past calls in
// it, and a fake PBX whose calls are replays of a real one's.
type demoCommand struct {
	Listen string `env:"RINGBOOK_LISTEN" default:"127.0.0.1:8080" help:"HTTP address, as host:port."`
	// Not RINGBOOK_DATA: nobody shall find invented customers among their own.
	Data  string        `default:"./data/demo" help:"Folder of the demo's database. Keep it, and the next demo goes on with it; delete it to begin anew."`
	Pause time.Duration `default:"12s" help:"Time from one call to the next, about."`
	// Conduct makes the demo's calls those that a person wants to show, or a test needs.
	Conduct bool `help:"Nobody calls by chance. Each line on standard input is a call: a scenario, a number, and the extensions that ring where they shall be others, as 'direct-no-answer 09121234567 1002'. A line with a fault lists the scenarios."`
	Logging
}

const (
	demoCustomers = 2000
	demoPassword  = "ringbook-demo"
	demoMark      = ".demo"
)

func (d demoCommand) Run(c *console) error {
	settings, err := Config{
		Listen: d.Listen, Database: Database{Data: d.Data}, Region: "IR", Area: "21", Timezone: "Asia/Tehran", CallHours: "8-20",
		AdminPassword: demoPassword, Spool: 64, Logging: d.Logging,
	}.Settings()
	if err != nil {
		return err
	}
	if d.Pause <= 0 {
		return Faults{{"--pause", fmt.Sprintf("%s is too short; write a time as 12s", d.Pause)}}
	}
	if err := claimDemo(d.Data); err != nil {
		return err
	}
	log := d.logger(c.stderr)
	dialled := make(chan pbxtest.Dialled, 64)
	fake := pbxtest.NewFake(pbxtest.FakeConfig{Endpoints: demoEndpoints, Log: log, Dialled: func(c pbxtest.Dialled) {
		select {
		case dialled <- c:
		default: // nobody clicks that fast
		}
	}})
	defer fake.Close()
	if err := fake.Start("127.0.0.1:0"); err != nil {
		return err
	}
	settings.Exchanges = []ExchangeSettings{{Name: "demo", URL: fake.URL()}}

	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	// The exchange begins to ring when the program looks at it.
	ringing := make(chan error, 1)
	ready := make(chan *crm.Store, 1)
	var address net.Addr
	go func() {
		select {
		case store := <-ready:
			greet(c.stdout, address, d)
			exchange := newDemoPBX(fake, store, d.Pause)
			var dialling sync.WaitGroup
			dialling.Go(func() { exchange.dialFromScreens(ctx, dialled) })
			defer dialling.Wait()
			ring := exchange.run
			if d.Conduct {
				ring = func(ctx context.Context) error { return exchange.conduct(ctx, c.stdin, c.stderr) }
			}
			err := ring(ctx)
			if err != nil {
				stop()
			}
			ringing <- err
		case <-ctx.Done():
			ringing <- nil
		}
	}()
	err = run(ctx, settings, outside{
		log: log, stdout: io.Discard,
		listening: func(a net.Addr) {
			address = a
			fmt.Fprintln(c.stdout, "ringbook: preparing the demo; the first time this takes a few seconds.")
		},
		opened: func(ctx context.Context, database *db.DB, store *crm.Store) error {
			if err := store.SeedDemo(ctx, demoCustomers, demoPassword); err != nil {
				return err
			}
			err := seedCalls(ctx, database, store, filepath.Join(d.Data, "past"), settings, time.Now(), log)
			if err != nil || d.Conduct {
				return err
			}
			return seedFollowUps(ctx, database, store, settings)
		},
		running: func(store *crm.Store) { ready <- store },
	})
	stop()
	if rang := <-ringing; err == nil {
		err = rang
	}
	return err
}

// claimDemo makes sure that the folder is one of earlier demos, or new.
func claimDemo(folder string) error {
	mark := filepath.Join(folder, demoMark)
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 {
		return fmt.Errorf("the folder %s holds something that is not a demo's: name an empty or a new one with --data", folder)
	}
	if err := db.ClaimFolder(folder); err != nil {
		return err
	}
	if err := os.WriteFile(mark, []byte("The database in this folder is a demo's: its customers and calls are invented.\n"), 0o644); err != nil {
		return fmt.Errorf("the folder %s cannot be written: %w", folder, errors.Unwrap(err))
	}
	return nil
}

// greet says where the demo is and how to get in.
func greet(w io.Writer, address net.Addr, d demoCommand) {
	where := address.String()
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		where = fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	who := []string{
		fmt.Sprintf("About every %s somebody calls: customers, strangers,", d.Pause),
		"numbers that several share, and callers who hide theirs.",
	}
	if d.Conduct {
		who = []string{"Who calls is what you write here, one call on a line."}
	}
	lines := []string{
		"The demo is ringing:  http://" + where,
		"",
		"  agent        neda     " + demoPassword + "   (extension 1001)",
		"  agent        sara     " + demoPassword + "   (extension 1002)",
		"  supervisor   maryam   " + demoPassword,
		"  admin        admin    " + demoPassword,
		"",
	}
	lines = append(lines, who...)
	lines = append(lines, "Everything is invented. Ctrl-C ends it; the data stays", "in "+d.Data+".")
	width := 0
	for _, line := range lines {
		width = max(width, len(line))
	}
	fmt.Fprintf(w, "\n┌%s┐\n", strings.Repeat("─", width+4))
	for _, line := range lines {
		fmt.Fprintf(w, "│  %-*s  │\n", width, line)
	}
	fmt.Fprintf(w, "└%s┘\n\n", strings.Repeat("─", width+4))
}
