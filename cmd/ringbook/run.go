package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
	"ringbook/pbx/ami"
	"ringbook/pbx/ari"
	"ringbook/screenpop"
	"ringbook/web"
)

type serveCommand struct{ Config }

func (s serveCommand) Run(c *console) error {
	settings, err := s.Config.Settings()
	if err != nil {
		return err
	}
	return run(c.ctx, settings, outside{log: s.logger(c.stderr), stdout: c.stdout})
}

// outside is what run has of the world besides its settings.
type outside struct {
	log    *slog.Logger
	stdout io.Writer
	// listening, if set, is told the address once the listener is there.
	listening func(address net.Addr)
	// opened, if set, is called once the database is there and migrated, before anything else uses it.
	opened func(ctx context.Context, database *db.DB, store *crm.Store) error
	// running, if set, is called once every part is started.
	running func(*crm.Store)
	// repairDelay is how long after a gap the exchanges' records are read; 0: a minute.
	repairDelay time.Duration
}

// drainTime bounds the polite part of a shutdown: sockets told, requests finished.
const drainTime = 10 * time.Second

// flushTime bounds what comes after: calls written or spooled, the private cluster stopped.
const flushTime = 25 * time.Second

// run is the whole program: it builds every part, joins them, and blocks until ctx ends or a part fails. It returns
// nil after an orderly end, else one sentence for the administrator.
func run(ctx context.Context, s Settings, o outside) error {
	log := o.log
	telemetry, err := newTelemetry(ctx, log)
	if err != nil {
		return err
	}
	unlock, err := claimData(s.Data)
	if err != nil {
		return err
	}
	defer unlock()
	owner, err := identity(s.Data)
	if err != nil {
		return err
	}

	listener, err := listen(ctx, s.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	database, err := db.New(db.Config{URL: s.Database.Database, Data: s.Data, Log: log})
	if err != nil {
		return err
	}
	front := newFront(telemetry.metrics)
	house, err := build(s, o, owner, database, front)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           front,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	parts, living := errgroup.WithContext(ctx)
	// Stages end in this order, each after the one before has ended.
	serving, watching, keeping, leading := newStage(ctx, parts), newStage(ctx, parts), newStage(ctx, parts), newStage(ctx, parts)

	parts.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	log.Info("listening", "address", listener.Addr().String(), "version", programVersion())
	if o.listening != nil {
		o.listening(listener.Addr())
	}
	// Calls are seen and kept from the first moment on, whatever the database does.
	keeping.run("record calls", house.recorder.Run)
	watching.run("look callers up", house.board.Run)
	watching.run("picture the floor", house.room.Run)
	follow := house.follow
	if len(house.exchanges) > 1 {
		follow = house.joint.Update
	}
	for _, exchange := range house.exchanges {
		watching.run("watch exchange "+exchange.Name(), func(ctx context.Context) error { return exchange.Run(ctx, follow) })
	}
	serving.run("look after the desks' sockets", house.app.Run)
	if len(house.exchanges) == 0 {
		log.Warn("no exchange is configured: nothing will ring. Set RINGBOOK_PBX=main=http://user:password@host:8088/ari")
	}
	parts.Go(func() error {
		failed := prepare(living, s, front, o, database, house.store)
		if failed == nil {
			keeping.run("keep the directory", house.store.Run)
			keeping.run("keep the agents' states", house.store.States().Run)
			for _, step := range house.steps {
				serving.run("keep the queues of "+step.exchange.Name()+" in step", step.Run)
			}
			keeping.run("keep account of what is heard", house.watch.Run)
			serving.run("read the figures of the day", house.days.Run)
			keeping.run("miss queues that are gone", func(ctx context.Context) error { return missQueues(ctx, house.exchanges, house.store) })
			leading.run("keep the leases", house.leases.Run)
			serving.run("do the jobs", house.jobs.run)
			serving.run("free follow-ups whose node has ended", house.followUps.Run)
			serving.run("remind of follow-ups", house.reminders.Run)
			keeping.run("read what was changed", func(ctx context.Context) error { return house.events.Run(ctx, house.heed) })
			if house.repair != nil {
				serving.run("fill in what gaps hid", house.repair.Run)
			}
			front.open()
			if o.running != nil {
				o.running(house.store)
			}
			<-living.Done()
		} else if ctx.Err() != nil {
			failed = nil // told to end before it had begun
		}
		log.Info("shutting down")
		front.drain()
		house.leases.Leave()
		serving.end() // the sockets are told to come back later, and close
		polite, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if err := server.Shutdown(polite); err != nil {
			log.Warn("some requests did not finish in time", "err", err)
		}
		watching.end() // no more pictures
		house.joint.Close()
		keeping.end() // the last ones are written, or spooled
		leading.end() // another node may take over
		return failed
	})
	err = parts.Wait()
	server.Close() // what did not end in time
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if closed := database.Close(flush); closed != nil && err == nil {
		err = closed
	}
	if stopped := telemetry.shutdown(flush); stopped != nil {
		log.Warn("telemetry could not be sent", "err", stopped)
	}
	return err
}

// house is the program's parts, which know one another and do not run yet.
type house struct {
	store     *crm.Store
	board     *screenpop.Board
	recorder  *calllog.Recorder
	watch     *calllog.Watch
	repair    *calllog.Repair // nil: no exchange's records are known
	exchanges []*pbx.Exchange
	joint     *pbx.Joint // of calls that pass several of them
	leases    *db.Leases
	events    *db.Events
	steps     []*inStep // one for each exchange
	jobs      *jobs
	followUps *calllog.FollowUps
	room      *screenpop.Room
	days      *calllog.Days
	reminders *calllog.Reminders
	app       *web.Server
}

// build makes the parts. It opens the spool, and nothing else of the outside.
func build(s Settings, o outside, owner string, database *db.DB, front *front) (*house, error) {
	store := crm.NewStore(database, crm.Config{Numbering: s.Numbering, Log: o.log})
	exchanges, err := newExchanges(s, store.Directory(), o.log)
	if err != nil {
		return nil, err
	}
	hearQueues(exchanges, store)
	leases := newLeases(s, owner, database, exchanges, o.log)
	calls := calllog.NewStore(database, store)
	normalise := func(pbx, trunk, raw string) crm.Number {
		return crm.ParseNumber(raw, s.Numbering.Rules(pbx, trunk))
	}
	recorder, err := calllog.NewRecorder(calllog.RecorderConfig{
		DB: database, Spool: filepath.Join(s.Data, "spool"), SpoolMax: int64(s.Spool) << 20,
		Directory: store.Directory(), Match: store.Match, Normalise: normalise, Learn: store.LearnQueues, Lease: leases, Hours: s.Hours, Log: o.log,
	})
	if err != nil {
		return nil, err
	}
	streams := make([]calllog.Stream, len(exchanges))
	for i, exchange := range exchanges {
		streams[i] = exchange
	}
	watch := calllog.NewWatch(database, s.Node, streams, o.log)
	repair, err := newRepair(s, database, calls, recorder, store.Directory(), leases, o)
	if err != nil {
		return nil, err
	}
	steps := make([]*inStep, len(exchanges))
	for i, exchange := range exchanges {
		steps[i] = newInStep(exchange, store, leases, o.log)
	}
	leases.OnChange(func(string) {
		recorder.Lead()
		for _, step := range steps {
			step.look(uuid.Nil)
		}
	})
	acts := calllog.NewActs(calllog.ActsConfig{
		DB: database, CRM: store, Calls: calls, Exchanges: exchanges, Context: s.Contexts.value, Prefix: s.Prefixes.value, Log: o.log,
	})
	followUps := calllog.NewFollowUps(calllog.FollowUpsConfig{DB: database, CRM: store, Calls: calls, Acts: acts, Zone: s.Zone, Log: o.log})
	board := screenpop.NewBoard(screenpop.BoardConfig{
		Match: store.Match, History: history{calls}, FollowUps: toDo{followUps}, Directory: store.Directory(), States: store.States(),
		Synced: func(agent uuid.UUID) string { return syncedOf(steps, store.Directory(), agent) },
		WrapUp: func(pbx, queue string) time.Duration {
			if q := store.Directory().Queue(pbx, queue); q != nil {
				return q.WrapUp()
			}
			return 0
		},
		Normalise: normalise, Log: o.log,
	})
	for _, step := range steps {
		step.changed = board.RefreshState
	}
	store.Directory().OnChange(board.RefreshAgents)
	store.States().OnChange(board.RefreshState)
	for _, exchange := range exchanges {
		exchange.OnChange(board.Again)
	}
	room := screenpop.NewRoom(screenpop.RoomConfig{
		Board: board, Queues: store.Directory().Queues, Live: func() []pbx.Queue { return toldQueues(exchanges) },
	})
	for _, exchange := range exchanges {
		exchange.OnQueue(func(context.Context, pbx.Queue) { room.Changed() })
	}
	days := calllog.NewDays(calls, s.Zone, o.log, room.Changed)
	app := web.New(web.Config{
		Store: store, Calls: calls, Recorder: recorder, Board: board, Acts: acts, FollowUps: followUps,
		Database: func(ctx context.Context) error {
			if err := front.waiting(); err != nil {
				return err
			}
			return database.Healthy(ctx)
		},
		Exchanges: func() []web.Part { return streamParts(exchanges, leases) },
		Devices:   func(ctx context.Context) []pbx.Device { return devicesOf(ctx, exchanges, o.log) },
		Queues:    func() []web.LiveQueues { return liveQueues(exchanges) },
		Room:      room, Days: days,
		Secure: s.Secure, Version: programVersion(), Node: s.Node, Zone: s.Zone, Log: o.log,
	})
	front.app = app
	reminders := calllog.NewReminders(database, s.Hours, o.log)
	work, err := newJobs(s, database, reminders, o.log)
	if err != nil {
		return nil, err
	}
	h := &house{store, board, recorder, watch, repair, exchanges, nil, leases, database.NewEvents(o.log), steps, work, followUps, room, days, reminders, app}
	h.joint = pbx.NewJoint(h.follow)
	return h, nil
}

// follow is the way of a call's picture; where several exchanges are watched, joint stands before it.
func (h *house) follow(ctx context.Context, call pbx.Call) {
	h.board.Update(ctx, call) // show: what each desk should see
	h.recorder.Update(call)   // remember: durable, idempotent, in the background
}

// heed is the way of a change that people made, here or on another node, to what is kept in memory.
func (h *house) heed(ctx context.Context, events []db.Event) {
	h.store.Heed(ctx, events) // who is who, and who is logged in
	var missed []uuid.UUID
	for _, e := range events {
		id, _ := uuid.Parse(e.ID)
		switch e.Kind {
		case calllog.EventMissed:
			missed = append(missed, id)
		case "":
			h.app.MissedChanged(ctx, nil)
			h.board.RefreshAll()
			h.reminders.Wake()
		case crm.EventAgent, crm.EventTeam:
			h.reminders.Wake() // somebody may have left
		case crm.EventCustomer:
			h.board.RefreshCustomer(id)
		case calllog.EventCall:
			h.board.Refresh(id)
		case crm.EventDesk:
			if agent, call, ok := crm.ReadPutAway(e); ok {
				h.board.Dismiss(agent, call)
			}
		case calllog.EventAgenda:
			h.board.RefreshAgenda(id)
			h.reminders.Wake()
		case calllog.EventPromise:
			h.board.RefreshPromises(id, e.ID)
		}
	}
	if len(missed) > 0 {
		h.app.MissedChanged(ctx, missed)
	}
}

// stage is parts that run together and are ended together.
type stage struct {
	parts   *errgroup.Group // of the whole program: the first failure of any part ends it
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// newStage makes a stage that ctx's end does not end: end does.
func newStage(ctx context.Context, parts *errgroup.Group) *stage {
	s := &stage{parts: parts}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return s
}

// run starts a part, a blocking function. Being told to end is no failure, ending by itself is.
func (s *stage) run(what string, part func(context.Context) error) {
	s.running.Add(1)
	s.parts.Go(func() error {
		defer s.running.Done()
		err := part(s.ctx)
		switch {
		case s.ctx.Err() != nil && (err == nil || errors.Is(err, s.ctx.Err())):
			return nil
		case err == nil:
			return fmt.Errorf("%s: ended by itself", what)
		}
		return fmt.Errorf("%s: %w", what, err)
	})
}

// end ends the stage's parts and waits for them.
func (s *stage) end() {
	s.cancel()
	s.running.Wait()
}

// claimData makes sure that the data folder is ours and that no other service uses it.
func claimData(folder string) (unlock func(), err error) {
	if err := db.ClaimFolder(folder); err != nil {
		return nil, err
	}
	return lockData(folder)
}

// lockData makes sure that no service uses a data folder.
func lockData(folder string) (unlock func(), err error) {
	lock, err := os.OpenFile(filepath.Join(folder, "ringbook.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder %s cannot be written: %w", folder, plain(err))
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("the data folder %s is in use by another ringbook: stop it, or name another folder in RINGBOOK_DATA", folder)
	}
	return func() { lock.Close() }, nil
}

// listen opens the HTTP address, or says in one sentence why it cannot be had.
func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("the address %s is taken by another program: stop it, or choose another one in RINGBOOK_LISTEN", address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("the address %s is not allowed for this user: choose a port above 1023 in RINGBOOK_LISTEN", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("the address %s is none of this machine's: choose another one in RINGBOOK_LISTEN", address)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return listener, nil
}

// prepare waits for the database, migrates it, makes the first user, lets the outside do with it what it wants to, and
// has the agents' extensions read, for which the recorder waits.
func prepare(ctx context.Context, s Settings, front *front, o outside, database *db.DB, store *crm.Store) error {
	return insist(ctx, front, o.log, func() error {
		if err := database.Start(ctx); err != nil {
			return err
		}
		front.wait("the database is being prepared")
		if err := database.Migrate(ctx); err != nil {
			return err
		}
		if o.opened != nil {
			if err := o.opened(ctx, database, store); err != nil {
				return err
			}
		}
		generated, err := store.EnsureAdmin(ctx, s.AdminPassword)
		if err != nil {
			return err
		}
		if generated != "" {
			fmt.Fprintf(o.stdout, "\nThe first user is admin, with the password %s\nIt is shown only this once; change it after logging in.\n\n", generated)
		}
		return store.Refresh(ctx)
	})
}

// insist tries until it works, ctx ends, or an error comes that waiting does not mend. The log tells of the first attempts,
// whose pauses grow, and of the end.
func insist(ctx context.Context, front *front, log *slog.Logger, try func() error) error {
	const longest = 5 * time.Second
	failed := 0
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, longest) {
		err := try()
		if err == nil && failed > 0 {
			log.Info("the database is there", "failed", failed)
		}
		if err == nil || ctx.Err() != nil || !mayComeBack(err) {
			return err
		}
		front.wait("the database cannot be reached")
		wait := pause/2 + rand.N(pause)
		level := slog.LevelWarn
		if failed++; failed > 10 {
			level = slog.LevelDebug
		}
		log.Log(ctx, level, "the database cannot be reached; trying again", "err", err, "in", wait.Round(time.Millisecond))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// mayComeBack says whether a failure of the database is one of its absence, which ends, rather than of its nature
// or of our settings, which do not.
func mayComeBack(err error) bool {
	if errors.Is(err, db.ErrUnreachable) {
		return true
	}
	// What db.Open did not meet, but what followed did.
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Class 57: being started or stopped; 53: out of connections or memory; 08: connection lost.
		return strings.HasPrefix(refused.Code, "57") || strings.HasPrefix(refused.Code, "53") || strings.HasPrefix(refused.Code, "08")
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[*net.OpError](err)
	return connecting || network || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded)
}

func newExchanges(s Settings, directory *crm.Directory, log *slog.Logger) ([]*pbx.Exchange, error) {
	var exchanges []*pbx.Exchange
	for _, x := range s.Exchanges {
		client, err := ari.New(ari.Config{Name: x.Name, URL: x.URL, Node: s.Node, CAFile: s.PBXCA, Log: log})
		if err != nil {
			return nil, err
		}
		exchange := pbx.NewExchange(client, pbx.Config{
			Name:      x.Name,
			Extension: func(endpoint string) (string, bool) { return directory.Extension(x.Name, endpoint) },
		}, log)
		for _, m := range s.Managers {
			if m.Name != x.Name {
				continue
			}
			manager, err := ami.New(ami.Config{Name: m.Name, URL: m.URL, CAFile: s.PBXCA, Log: log})
			if err != nil {
				return nil, err
			}
			exchange.UseAMI(manager)
		}
		exchanges = append(exchanges, exchange)
	}
	return exchanges, nil
}

// devicesOf asks all exchanges at once.
func devicesOf(ctx context.Context, exchanges []*pbx.Exchange, log *slog.Logger) []pbx.Device {
	answers := make([][]pbx.Device, len(exchanges))
	var asking sync.WaitGroup
	for i, x := range exchanges {
		asking.Go(func() {
			var err error
			if answers[i], err = x.Devices(ctx); err != nil {
				log.DebugContext(ctx, "phones are listed without their state", "err", err)
			}
		})
	}
	asking.Wait()
	return slices.Concat(answers...)
}
