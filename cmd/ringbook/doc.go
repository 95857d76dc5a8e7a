// Command ringbook is the service and its tools. It holds the configuration, the telemetry, the wiring of all
// other packages and their ordered shutdown, and nothing that decides anything about calls or customers.
//
// The whole program is run(ctx, settings): main only reads flags and the environment into a Config, has it
// checked, and turns signals into the end of a context. Tests call run as main does.
//
// # What runs
//
//	exchange 1 ─┐                        ┌─ board.Update     (show: what each desk should see)
//	exchange 2 ─┼─ follow(ctx, call) ────┤
//	   …       ─┘                        └─ recorder.Update  (remember: durable, in the background)
//
// Beside it, inStep keeps what agents chose to be and the queues of each exchange in step, where this node leads the exchange
// and it has a manager.
//
//	HTTP: /healthz /readyz /metrics here; everything else is package web, once the database is there.
//
// Each long-running part is a blocking Run(ctx) in one errgroup. The first signal ends it in order: readiness
// turns 503, the exchanges stop, push sockets are told to come back later and HTTP requests finish, the recorder
// writes what it still holds, the database is closed. A second signal kills.
//
// # What it survives
//
// A database that is away at the start or later, and an exchange that is away, refuses the password or lies: the
// service runs, /readyz is 503 and names the part and the reason, and it tries again for ever. What cannot get
// better by waiting ends it with one sentence and exit status 1: a wrong setting, a taken port, a data folder that
// is not ours, a database that is too old or cannot search Persian.
package main
