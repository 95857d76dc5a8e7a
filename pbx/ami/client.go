package ami

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config describes one PBX's manager and how patient to be with it. Every duration and size has a usable zero value.
type Config struct {
	Name string // what we call the PBX: in logs, metrics and queues
	// URL is tcp://user:password@host:5038 or tls://user:password@host:5039; user and password are percent-encoded where
	// they need it, and without a port those two are meant.
	URL string
	Log *slog.Logger // nil: slog.Default()

	// Record, if set, gets a copy of what is said, for ReadRecording: without the password, but with names and numbers of
	// callers. It is written to from several goroutines, one at a time.
	Record io.Writer

	CAFile      string // certificates to trust, PEM; empty: the system's
	InsecureTLS bool   // do not check the PBX's certificate
	// DialContext opens connections to the PBX; nil: plain TCP.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	Ping          time.Duration // how often the PBX is asked whether it is there; 5 s
	PingTimeout   time.Duration // how long it may take to say so; 10 s, for it does one thing after the other
	ActionTimeout time.Duration // of Do, and of each step of logging in; 10 s
	WriteTimeout  time.Duration // of sending one action; 5 s
	MinBackoff    time.Duration // first pause before connecting again; 100 ms
	MaxBackoff    time.Duration // longest pause; 30 s
	MaxRefused    time.Duration // longest pause after a log-in was refused; 5 min, see doc.go
	Ring          int           // events that may wait for the consumer; 4096
}

func (c Config) withDefaults() Config {
	duration := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	duration(&c.Ping, 5*time.Second)
	duration(&c.PingTimeout, 10*time.Second)
	duration(&c.ActionTimeout, 10*time.Second)
	duration(&c.WriteTimeout, 5*time.Second)
	duration(&c.MinBackoff, 100*time.Millisecond)
	duration(&c.MaxBackoff, 30*time.Second)
	duration(&c.MaxRefused, 5*time.Minute)
	if c.Ring <= 0 {
		c.Ring = 4096
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Client speaks to the manager of one PBX. Do may be used from any goroutine, also from the follow of Run; Run once.
type Client struct {
	config         Config
	address        string // host:port
	user, password string
	tls            *tls.Config // nil: plain TCP
	log            *slog.Logger
	metrics        *metrics
	conn           atomic.Pointer[connection] // logged in; nil: none
	slots          chan struct{}              // actions under way
	tee            *tee

	mu     sync.Mutex
	health Health
}

// Health is how the connection fares.
type Health struct {
	Live     bool
	Since    time.Time     // of Live, or of not being it
	LastPing time.Time     // when the PBX last answered; zero: never
	RTT      time.Duration // of that answer
	Version  string        // Asterisk's, "22.10.1"; of the last connection if there is none now; empty if not known
	Protocol string        // the manager's, "11.0.0"
	Rights   Rights        // of the user; of the last connection if there is none now
	Err      string        // the last failure, for the log; empty while live
	Reason   string        // the same in plain words for people
	Refused  bool          // the PBX does not let us in: somebody must change something
}

const actionsAtOnce = 32 // that have been sent and not answered; others wait

// New checks the configuration. It opens no connection. Its errors never contain the password.
func New(config Config) (*Client, error) {
	config = config.withDefaults()
	if config.Name == "" {
		return nil, errors.New("a PBX has no name")
	}
	fail := func(problem string) (*Client, error) {
		return nil, fmt.Errorf("AMI of %s: %s", config.Name, problem)
	}
	u, err := url.Parse(config.URL)
	if err != nil { // err quotes the URL, password included
		return fail("the URL cannot be read; in user and password, write characters such as @ / : # % percent-encoded (%40 %2F %3A %23 %25)")
	}
	password, _ := u.User.Password()
	switch {
	case u.Scheme != "tcp" && u.Scheme != "tls":
		return fail("the URL must begin with tcp:// or tls://")
	case u.Hostname() == "":
		return fail("the URL has no host")
	case u.User.Username() == "" || password == "":
		return fail("the URL has no user and password: write tcp://user:password@host:5038")
	case u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return fail("the URL must end with the port")
	}
	for _, secret := range []string{u.User.Username(), password} {
		if strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fail("user or password contain a control character")
		}
	}
	c := &Client{
		config: config, user: u.User.Username(), password: password,
		log: config.Log.With("pbx", config.Name), metrics: newMetrics(config.Name),
		slots:  make(chan struct{}, actionsAtOnce),
		tee:    &tee{to: config.Record},
		health: Health{Since: time.Now(), Reason: "not connected yet"},
	}
	port := u.Port()
	if u.Scheme == "tls" {
		if c.tls, err = config.tlsConfig(u.Hostname()); err != nil {
			return nil, fmt.Errorf("AMI of %s: %w", config.Name, err)
		}
		if port == "" {
			port = "5039"
		}
	} else if port == "" {
		port = "5038"
	}
	c.address = net.JoinHostPort(u.Hostname(), port)
	return c, nil
}

func (c Config) tlsConfig(host string) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, InsecureSkipVerify: c.InsecureTLS}
	if c.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificates to trust: %w", err)
	}
	t.RootCAs = x509.NewCertPool()
	if !t.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", c.CAFile)
	}
	return t, nil
}

// Name is the configured name of the PBX.
func (c *Client) Name() string { return c.config.Name }

// Health tells how the connection fares now.
func (c *Client) Health() Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.health
}

func (c *Client) setHealth(change func(*Health)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.health)
}

// Do asks one action and waits for its answer; where that is a list, for all of it. It waits at most
// Config.ActionTimeout and for ctx. It fails with an *Error. One that is ErrUnanswered leaves open whether the PBX did it.
//
// The PBX does one action of a connection after the other, and sends no event meanwhile: an Originate must be Async.
func (c *Client) Do(ctx context.Context, action Action) (Answer, error) {
	began := time.Now()
	answer, err := c.do(ctx, action)
	result := "ok"
	switch {
	case err == nil:
	case errors.Is(err, ErrDenied):
		result = "denied"
	case errors.Is(err, ErrDown):
		result = "down"
	case errors.Is(err, ErrInvalid):
		result = "invalid"
	default:
		result = "refused"
	}
	c.metrics.action(action.Name, result, time.Since(began))
	return answer, err
}

func (c *Client) do(ctx context.Context, action Action) (Answer, error) {
	if _, err := action.encode("1"); err != nil {
		return Answer{}, &Error{Action: "action", Message: err.Error(), Err: ErrInvalid}
	}
	conn := c.conn.Load()
	if conn == nil {
		return Answer{}, &Error{Action: action.Name, Message: c.Health().Reason, Err: ErrDown}
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.ActionTimeout)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return Answer{}, &Error{Action: action.Name, Message: "too many actions wait for the PBX", Err: errors.Join(ErrDown, ctx.Err())}
	}
	defer func() { <-c.slots }()
	return conn.do(ctx, action)
}

// secret returns n random bytes in hex.
func secret(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
