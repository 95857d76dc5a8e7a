// Package web is everything that a browser touches: routes, sessions, JSON, the push socket and the embedded pages.
//
// # Model
//
// A request becomes an actor (a session cookie or a bearer token), the actor's scope is asked for the operation's
// permission, and the operation calls one method of crm, calllog or screenpop and answers with JSON. Nothing here
// knows SQL, and nothing here decides what an actor may see: the packages below are given the actor and do that in
// SQL. What this package guarantees is that no operation is reached without its permission having been looked at:
// an operation that names none cannot be registered.
//
// The push socket is different: it carries pictures. Whenever something about a desk changes, its sockets are nudged
// and each writes the whole desk as it is then. Nothing is queued, so that a slow browser skips pictures and still
// ends right, and a reconnect is a first connect. A browser that asks for it hears a beat when there is nothing to write,
// and moves to another node when it hears none.
//
// # Bodies
//
// The JSON types of the API are declared here, once: Call is the same for the log and for a desk's picture. The
// OpenAPI document is derived from them (GET /api/v1/openapi.json, and web/ui/openapi.json from which the client of
// web/ui is generated). Times are RFC 3339 in UTC, durations milliseconds, lists never null.
//
// # Errors
//
// All are application/problem+json and pass through one function (problem). An error that it does not know is logged
// and shown as "Internal error" only.
package web
