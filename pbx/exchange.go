package pbx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"ringbook/pbx/ari"
)

const (
	questionTimeout = 2 * time.Second // that a variable may take; it is of no use after the ring
	questionsAtOnce = 4               // REST requests under way
	maxQuestions    = 256             // that wait; more are dropped
)

// Exchange is one PBX as the rest of ringbook sees it: its event stream folded into calls, and its health. Apart
// from Run, its methods may be used from any goroutine and never block on the PBX.
type Exchange struct {
	client    *ari.Client
	name      string
	log       *slog.Logger
	metrics   *metrics
	questions chan question
	extension func(endpoint string) (string, bool)
	late      chan string // channels to be hung up, see refuseLate
	unwanted  unwanted

	fold    sync.Mutex // guards what follows, and orders calls to follow
	tracker *Tracker
	asked   map[uuid.UUID]asked // about calls that have not ended

	mu         sync.RWMutex // guards what follows
	live       map[uuid.UUID]Call
	periods    []Period
	standing   Standing
	follow     func(context.Context, Call) // Run's; nil while it does not run
	unanswered int                         // questions in a row

	devices devices
	queues  queues
	phones  phones
}

// question is a channel variable that the exchange wants to know. Events do not tell: presentation is in no
// snapshot, and subscribing to every variable that every dialplan sets would multiply the stream.
type question struct {
	channel, variable string
}

// asked is what has been asked about one call.
type asked struct {
	presentation, customer bool
	queue                  string // that it was in
}

// NewExchange joins a client to a new tracker. It opens no connection.
func NewExchange(client *ari.Client, c Config, log *slog.Logger) *Exchange {
	tracker := NewTracker(c)
	return &Exchange{
		client:    client,
		name:      c.Name,
		log:       log.With("pbx", c.Name),
		metrics:   newMetrics(c.Name),
		questions: make(chan question, maxQuestions),
		late:      make(chan string, maxUnwanted),
		tracker:   tracker,
		extension: tracker.config.Extension,
		asked:     make(map[uuid.UUID]asked),
		live:      make(map[uuid.UUID]Call),
		phones:    phones{wanted: make(chan struct{}, 1), changed: make(chan struct{}, 1)},
		queues:    queues{board: newQueueBoard(c.Name, c.Extension), wanted: make(chan struct{}, 1)},
	}
}

// Name is the configured name of the exchange.
func (x *Exchange) Name() string { return x.name }

// Health tells how the event stream fares.
func (x *Exchange) Health() ari.Health { return x.client.Health() }

// Live returns the last picture of every call that has not ended, oldest first.
func (x *Exchange) Live() []Call {
	x.mu.RLock()
	live := make([]Call, 0, len(x.live))
	for _, c := range x.live {
		live = append(live, c)
	}
	x.mu.RUnlock()
	slices.SortFunc(live, func(a, b Call) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	return live
}

// Run follows the PBX until ctx ends, reconnecting for ever, and returns ctx's error. It gives follow every new
// picture of every call, in order and one at a time; follow must not wait for anything slow, for the stream waits
// for it. Call Run once.
func (x *Exchange) Run(ctx context.Context, follow func(context.Context, Call)) error {
	ctx, cancel := context.WithCancel(ctx)
	x.setFollow(follow)
	var readers sync.WaitGroup
	for range questionsAtOnce {
		readers.Go(func() { x.answerQuestions(ctx, follow) })
	}
	if x.queues.client != nil {
		readers.Go(func() { x.followQueues(ctx) })
		readers.Go(func() { x.surveyQueues(ctx) })
	}
	readers.Go(func() { x.hangUpLate(ctx) })
	readers.Go(func() { x.lookAfterPhones(ctx) })
	err := x.client.Run(ctx, func(item ari.Item) {
		x.apply(ctx, follow, func() []Call { return x.tracker.Apply(item) })
		x.heard(item)
		x.refuseLate(item)
		x.heardOfPhones(item)
	})
	cancel()
	readers.Wait()
	x.setFollow(nil)
	x.endPeriod(x.client.Health().Complete, GapStopped)
	return fmt.Errorf("follow the PBX %s: %w", x.name, err)
}

func (x *Exchange) setFollow(follow func(context.Context, Call)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.follow = follow
}

// apply makes one change to the tracker and passes on what it changed.
func (x *Exchange) apply(ctx context.Context, follow func(context.Context, Call), change func() []Call) {
	x.fold.Lock()
	defer x.fold.Unlock()
	calls := change()
	if len(calls) == 0 {
		return
	}
	x.mu.Lock()
	for _, c := range calls {
		if c.State == StateEnded {
			delete(x.live, c.ID)
		} else {
			x.live[c.ID] = c
		}
	}
	n := len(x.live)
	x.mu.Unlock()
	x.metrics.live(ctx, n)

	for _, c := range calls {
		follow(ctx, c)
	}
	for _, c := range calls {
		x.ask(ctx, c)
	}
}

// ask puts the questions that a call raises: at its start whether the caller withheld the number, and when it
// enters a queue or rings somewhere whether the dialplan knows the customer.
func (x *Exchange) ask(ctx context.Context, c Call) {
	if c.State == StateEnded {
		if c.MergedInto == uuid.Nil {
			x.metrics.ended(ctx, c)
		}
		delete(x.asked, c.ID)
		return
	}
	if c.Direction != Inbound {
		return
	}
	before := x.asked[c.ID]
	now := before
	channel := c.Legs[0].ID
	if !before.presentation {
		now.presentation = true
		if !c.Caller.Withheld {
			x.put(ctx, question{channel, VariablePresentation})
		}
	}
	reached := c.Queue != "" || len(c.Legs) > 1
	if reached && c.CustomerRef == "" && (!before.customer || before.queue != c.Queue) {
		now.customer, now.queue = true, c.Queue
		x.put(ctx, question{channel, VariableCustomer})
	}
	if now != before {
		x.asked[c.ID] = now
	}
}

func (x *Exchange) put(ctx context.Context, q question) {
	select {
	case x.questions <- q:
	default:
		x.metrics.question(ctx, "dropped")
	}
}

// answerQuestions reads variables beside the stream: no ring waits for it.
func (x *Exchange) answerQuestions(ctx context.Context, follow func(context.Context, Call)) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-x.questions:
			value, err := x.read(ctx, q)
			switch {
			case ctx.Err() != nil:
				return
			case errors.Is(err, ari.ErrNotFound):
				// The variable is not set, or the channel has gone.
				x.metrics.question(ctx, "none")
				x.answered(nil)
			case err != nil:
				x.metrics.question(ctx, "failed")
				x.answered(err)
			default:
				x.metrics.question(ctx, "answered")
				x.answered(nil)
				x.apply(ctx, follow, func() []Call { return x.tracker.SetVariable(q.channel, q.variable, value, time.Now()) })
			}
		}
	}
}

// answered keeps the log readable while the PBX does not answer: it is told once, and once that it does again.
func (x *Exchange) answered(err error) {
	x.mu.Lock()
	before := x.unanswered
	if x.unanswered++; err == nil {
		x.unanswered = 0
	}
	x.mu.Unlock()
	switch {
	case err != nil && before == 0:
		x.log.Warn("channel variables cannot be read: whether a caller withholds the number, and which customer the dialplan names", "err", err)
	case err == nil && before > 0:
		x.log.Info("channel variables can be read again", "failed", before)
	}
}

func (x *Exchange) read(ctx context.Context, q question) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	return x.client.Variable(ctx, q.channel, q.variable)
}

// metrics are the figures of one exchange.
type metrics struct {
	pbx       attribute.KeyValue
	calls     metric.Int64Counter
	liveCalls metric.Int64Gauge
	questions metric.Int64Counter
}

func newMetrics(pbx string) *metrics {
	meter := otel.Meter("ringbook/pbx")
	// An error means a name that OpenTelemetry does not like, which tests would show; the instrument works still.
	calls, _ := meter.Int64Counter("ringbook.pbx.calls", metric.WithDescription("calls that ended, by direction and outcome"))
	live, _ := meter.Int64Gauge("ringbook.pbx.calls.live", metric.WithDescription("calls under way"))
	questions, _ := meter.Int64Counter("ringbook.pbx.questions",
		metric.WithDescription("channel variables that were wanted, by result: answered, none, failed, dropped"))
	return &metrics{pbx: attribute.String("pbx", pbx), calls: calls, liveCalls: live, questions: questions}
}

func (m *metrics) live(ctx context.Context, n int) {
	m.liveCalls.Record(ctx, int64(n), metric.WithAttributes(m.pbx))
}

func (m *metrics) ended(ctx context.Context, c Call) {
	m.calls.Add(ctx, 1, metric.WithAttributes(m.pbx,
		attribute.String("direction", string(c.Direction)), attribute.String("outcome", string(c.Outcome))))
}

func (m *metrics) question(ctx context.Context, result string) {
	m.questions.Add(ctx, 1, metric.WithAttributes(m.pbx, attribute.String("result", result)))
}
