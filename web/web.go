package web

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
	"ringbook/screenpop"
)

// base is where the API lives.
const base = "/api/v1"

// maxBody is the greatest request body in bytes: enough that a name of a megabyte is refused as a name.
const maxBody = 2 << 20

// Config joins the parts that web shows. All but the optional ones are required.
type Config struct {
	Store    *crm.Store
	Calls    *calllog.Store
	Recorder *calllog.Recorder
	Board    *screenpop.Board
	Acts     *calllog.Acts

	FollowUps *calllog.FollowUps

	Database  func(context.Context) error // nil error: it answers; a Reason is shown
	Exchanges func() []Part               // the exchanges' streams, in the configured order

	// Devices asks the exchanges for their phones and lines, for a few seconds at most; what does not answer is left out.
	Devices func(context.Context) []pbx.Device // optional

	Room *screenpop.Room // optional: without it there is no floor
	Days *calllog.Days   // optional: the figures of the queues' day

	// Queues tells what goes on in each exchange's queues; it does not wait.
	Queues func() []LiveQueues // optional

	// Secure says that browsers reach us over https, through a proxy which adds the client's address to
	// X-Forwarded-For: cookies are marked Secure, and that address is believed.
	Secure  bool
	Version string
	Node    string         // this node's name
	Zone    *time.Location // the business time zone; nil: UTC
	Log     *slog.Logger   // optional

	Pages fs.FS // optional: the built UI instead of the embedded one
}

// Server is the handler of everything under / that needs the program's parts; /healthz and /metrics, which answer
// before they are there, are cmd's. Its Run must run beside it: it owns the push sockets.
type Server struct {
	Config
	handler http.Handler
	metrics *metrics
	sockets sockets
	files   files
	timings pushTimings
	outage  outage // of the database

	entrance *entrance // to push
	cuts     floorCuts
}

// New makes a Server; no I/O.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	s := &Server{
		Config: c, metrics: newMetrics(), timings: defaultTimings, entrance: newEntrance(),
		sockets: sockets{open: map[*socket]struct{}{}}, files: files{closing: make(chan struct{}), stall: fileStall, farewell: fileFarewell},
	}

	r := chi.NewMux()
	r.Use(s.headers, s.observe, s.recovered)
	r.Get("/readyz", s.readyz)
	csrf := http.NewCrossOriginProtection()
	csrf.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusForbidden, "A page of another site may not do this.")
	}))
	r.Group(func(r chi.Router) {
		r.Use(noStore, csrf.Handler, bounded)
		s.newAPI(r)
	})
	r.With(noStore).Get(base+"/exports/{id}/file", s.exportFile)
	r.Get(base+"/push", s.push)
	pages := middleware.Compress(5)(newPages(c.Pages))
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/") {
			writeProblem(w, http.StatusNotFound, "There is nothing at this address of the API.")
			return
		}
		pages.ServeHTTP(w, r)
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusMethodNotAllowed, "This address does not take this method.")
	})
	s.handler = r
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Run looks after the push sockets until ctx ends, then tells them all that ringbook is shutting down and waits until
// the last one is closed, and until no export is being sent any more, which takes some seconds at most. It is called once, and
// returns nil.
func (s *Server) Run(ctx context.Context) error {
	stop := s.Store.OnSessionEnd(s.sockets.endSession)
	defer stop()
	s.checkTokens(ctx)
	var ending sync.WaitGroup
	ending.Go(s.files.shut)
	s.sockets.shut()
	ending.Wait()
	return nil
}
