package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"golang.org/x/sys/unix"
)

const (
	connectTimeout   = 5 * time.Second
	statementTimeout = 15 * time.Second // the server's
	queryDeadline    = 20 * time.Second // the client's, where the caller has none
	lockTimeout      = 10 * time.Second
	idleInTx         = 30 * time.Second
	deadPeer         = 15 * time.Second

	ringConns = 8 // at most, in RingPool
	ringIdle  = 2 // of them at the least ready and waiting
)

// Config says which database to open.
type Config struct {
	// URL of a server ("postgres://user:password@host/name"), or a libpq key=value string. Empty: a private cluster.
	URL string
	// Data is the folder that holds the private cluster.
	Data string
	// MaxConns bounds Pool; 0: four per CPU, and at least 12. RingPool has up to eight more.
	MaxConns int
	// Restoring opens the private cluster of a data folder into which a restore is under way.
	Restoring bool
	Log       *slog.Logger
}

// DB is a database: one that is open, or that will be. Safe for concurrent use.
type DB struct {
	pool   *pgxpool.Pool
	ring   *pgxpool.Pool
	config Config
	log    *slog.Logger

	mu      sync.Mutex
	cluster *Cluster // guarded by mu; nil with a URL, and before Start
	counted bool     // guarded by mu; its connections are

	emitted chan struct{} // capacity one: a transaction that emitted events is committed

	closing sync.Once
	closed  error
}

// Open is New and Start.
func Open(ctx context.Context, c Config) (*DB, error) {
	d, err := New(c)
	if err != nil {
		return nil, err
	}
	if err := d.Start(ctx); err != nil {
		return nil, errors.Join(err, d.Close(context.WithoutCancel(ctx)))
	}
	return d, nil
}

// New makes the database that Config names without looking for it: no I/O. Whoever uses it before Start has found it
// fails as when it is away, and works from then on.
func New(c Config) (*DB, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	url := c.URL
	var dial pgconn.DialFunc
	if c.URL == "" {
		if c.Data == "" {
			return nil, errors.New("neither a database nor a data folder is set")
		}
		folder, err := filepath.Abs(c.Data)
		if err != nil {
			return nil, err
		}
		cluster := &Cluster{path: filepath.Join(folder, clusterFolder)} // for its address
		url, dial = cluster.URL(databaseName), cluster.Dial
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx hides the password in its message.
		return nil, fmt.Errorf("the database URL cannot be read: %w", err)
	}
	config.MaxConns = int32(c.MaxConns)
	if c.MaxConns <= 0 {
		config.MaxConns = int32(max(12, 4*runtime.NumCPU()))
	}
	config.MaxConnIdleTime = 10 * time.Minute
	config.MaxConnLifetime = time.Hour
	config.MaxConnLifetimeJitter = 10 * time.Minute
	config.PingTimeout = connectTimeout
	cc := config.ConnConfig
	tuneConn(cc)
	if dial != nil {
		cc.DialFunc = dial
	}
	cc.RuntimeParams["statement_timeout"] = millis(statementTimeout)
	cc.RuntimeParams["lock_timeout"] = millis(lockTimeout)
	cc.RuntimeParams["idle_in_transaction_session_timeout"] = millis(idleInTx)
	cc.Tracer = multitracer.New(deadlines{}, otelpgx.NewTracer())

	pool, err := pgxpool.NewWithConfig(context.Background(), config) // connects when it is used
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	ring, err := pgxpool.NewWithConfig(context.Background(), ringConfig(config))
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return &DB{pool: pool, ring: ring, config: c, log: c.Log, emitted: make(chan struct{}, 1)}, nil
}

// Start looks for the database, starting or taking over the private cluster where it must, and checks that it is fit.
// It does not migrate. It tries a URL once: ErrUnreachable says that trying again may help. A private cluster is
// waited for, a minute at most. Every error is one sentence for the operator.
func (d *DB) Start(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.config.URL == "" {
		if err := d.startCluster(ctx); err != nil {
			return err
		}
	}
	if err := check(ctx, d.pool); err != nil {
		return err
	}
	if !d.counted {
		if err := errors.Join(
			otelpgx.RecordStats(d.pool),
			otelpgx.RecordStats(d.ring, otelpgx.WithStatsAttributes(semconv.DBClientConnectionPoolName("ring"))),
		); err != nil {
			return fmt.Errorf("count the database's connections: %w", err)
		}
		d.counted = true
	}
	return nil
}

// startCluster makes the private cluster and its database be there. Callers hold d.mu.
func (d *DB) startCluster(ctx context.Context) error {
	claim := ClaimFolder
	if d.config.Restoring {
		claim = ClaimForRestore
	}
	if err := claim(d.config.Data); err != nil {
		return err
	}
	if d.cluster == nil {
		cluster, err := OpenCluster(ctx, ClusterConfig{Folder: d.config.Data, Log: d.log})
		if err != nil {
			return err
		}
		d.cluster = cluster
	}
	return d.cluster.createDatabase(ctx, databaseName)
}

// ringConfig makes of the usual pool's settings those of RingPool.
func ringConfig(usual *pgxpool.Config) *pgxpool.Config {
	config := usual.Copy()
	config.MaxConns, config.MinIdleConns = ringConns, ringIdle
	config.MaxConnIdleTime, config.MaxConnLifetime = time.Hour, 24*time.Hour // a new one is slow at first
	cc := config.ConnConfig
	cc.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	cc.Tracer = deadlines{} // no spans: there would be thousands, all alike; there is a histogram of the match
	return config
}

// tuneConn sets what every connection of ours shares, migrations' included.
func tuneConn(cc *pgx.ConnConfig) {
	if cc.ConnectTimeout == 0 || cc.ConnectTimeout > connectTimeout {
		cc.ConnectTimeout = connectTimeout
	}
	if cc.RuntimeParams["application_name"] == "" {
		cc.RuntimeParams["application_name"] = "ringbook"
	}
	cc.RuntimeParams["timezone"] = "UTC"
	cc.RuntimeParams["jit"] = "off" // no statement of ours lasts as long as compiling it does
	cc.DialFunc = (&net.Dialer{
		Timeout:         connectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 3 * time.Second, Count: 3},
		Control: func(network, _ string, raw syscall.RawConn) error {
			if network != "tcp4" && network != "tcp6" {
				return nil
			}
			var err error
			if cerr := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadPeer/time.Millisecond))
			}); cerr != nil {
				return cerr
			}
			return os.NewSyscallError("setsockopt", err)
		},
	}).DialContext
}

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// deadlines gives every statement an end on our side too, for servers that are stopped rather than gone.
type deadlines struct{}

type cancelKey struct{}

func (deadlines) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if _, ok := ctx.Deadline(); ok {
		return ctx
	}
	ctx, cancel := context.WithTimeout(ctx, queryDeadline)
	return context.WithValue(ctx, cancelKey{}, cancel)
}

func (deadlines) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if cancel, ok := ctx.Value(cancelKey{}).(context.CancelFunc); ok {
		cancel()
	}
}

func (d deadlines) TraceBatchStart(ctx context.Context, c *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return d.TraceQueryStart(ctx, c, pgx.TraceQueryStartData{})
}

func (deadlines) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (d deadlines) TraceBatchEnd(ctx context.Context, c *pgx.Conn, _ pgx.TraceBatchEndData) {
	d.TraceQueryEnd(ctx, c, pgx.TraceQueryEndData{})
}

// Pool is the connections; the DB's own until Close.
func (d *DB) Pool() *pgxpool.Pool { return d.pool }

// RingPool is a few connections for what a ringing telephone waits for, and for nothing else: however many reports,
// lists and imports keep Pool busy, a look-up finds a connection. Its statements must be ones whose best plan is the
// same for all arguments, for they are planned once per connection. It is the DB's own until Close.
func (d *DB) RingPool() *pgxpool.Pool { return d.ring }

// InTx runs f in a transaction: committed if f returns nil, else rolled back. f must not keep the Tx.
func (d *DB) InTx(ctx context.Context, f func(pgx.Tx) error) error {
	t := &emitting{}
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		t.Tx = tx
		return f(t)
	})
	if err == nil && t.emitted {
		select {
		case d.emitted <- struct{}{}:
		default: // Events has not come to the last one yet
		}
	}
	return err
}

// Poisons says that an error lies in what was written, so that writing it again can never succeed.
func Poisons(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(refused.Code) < 2 {
		return false
	}
	switch refused.Code[:2] {
	case "22", "23", "54": // data exception, integrity violation, program limit exceeded
		return true
	}
	return false
}

// Healthy is nil if the server answers within two seconds.
func (d *DB) Healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := d.pool.Ping(ctx); err != nil {
		return fmt.Errorf("the database does not answer: %w", err)
	}
	return nil
}

// Close ends the connections and stops the private cluster if this process is in charge of it. It blocks until
// both are done or ctx ends. Further calls do nothing.
func (d *DB) Close(ctx context.Context) error {
	d.closing.Do(func() {
		done := make(chan struct{})
		go func() { d.pool.Close(); d.ring.Close(); close(done) }()
		select {
		case <-done:
		case <-ctx.Done(): // a connection that is still lent out ends with the cluster, or with the process
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.cluster != nil {
			d.closed = d.cluster.Close(ctx)
		}
	})
	return d.closed
}
