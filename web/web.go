package web

import (
	"log/slog"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// base is where the API lives.
const base = "/api/v1"

// maxBody is the greatest request body in bytes.
const maxBody = 256 << 10

// Config joins the parts that web shows.
type Config struct {
	Log     *slog.Logger
	Version string
}

type server struct {
	Config
}

// New returns the handler of everything under /.
func New(c Config) http.Handler {
	s := &server{Config: c}
	r := chi.NewMux()
	s.newAPI(r)
	return r
}
