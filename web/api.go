package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
)

// Access levels that are no permission of crm's.
const (
	public     = "public"  // no session needed
	anySession = "session" // any actor
)

// permissionKey is where an operation's metadata carries its permission.
const permissionKey = "permission"

// newAPI registers every operation of the API on r.
func (s *server) newAPI(r chi.Router) huma.API {
	config := huma.DefaultConfig("ringbook", s.Version)
	config.OpenAPIPath = base + "/openapi"
	config.DocsPath = ""
	config.SchemasPath = ""
	config.CreateHooks = nil // no $schema members in bodies
	config.RejectUnknownQueryParameters = true
	config.NoFormatFallback = true
	api := humachi.New(r, config)

	register(api, public, op("login", http.MethodPost, "/session", "Log in", "session"), s.login)
	register(api, anySession, op("logout", http.MethodDelete, "/session", "Log out", "session"), s.logout)
	register(api, anySession, op("me", http.MethodGet, "/me", "Who am I", "session"), s.me)
	register(api, anySession, op("updateMe", http.MethodPatch, "/me", "Change my preferences", "session"), s.patchMe)
	register(api, anySession, op("changePassword", http.MethodPost, "/me/password", "Change my password; ends my other sessions", "session"), s.changePassword)
	register(api, anySession, op("listTokens", http.MethodGet, "/tokens", "My API tokens", "session"), s.listTokens)
	register(api, anySession, op("createToken", http.MethodPost, "/tokens", "Make an API token of mine", "session"), s.createToken)
	register(api, anySession, op("deleteToken", http.MethodDelete, "/tokens/{id}", "End an API token of mine", "session"), s.deleteToken)

	register(api, "calls.read", op("listCalls", http.MethodGet, "/calls", "The call log, newest first", "calls"), s.listCalls)
	register(api, "calls.read", op("getCall", http.MethodGet, "/calls/{id}", "One call with its legs", "calls"), s.getCall)
	register(api, "calls.annotate", op("updateCall", http.MethodPatch, "/calls/{id}", "Note and customer of a call, live or ended", "calls"), s.patchCall)

	register(api, "customers.read", op("listCustomers", http.MethodGet, "/customers", "Customers by name, number or organization", "customers"), s.listCustomers)
	register(api, "customers.write", op("createCustomer", http.MethodPost, "/customers", "Create a customer", "customers"), s.createCustomer)
	register(api, "customers.read", op("lookupCustomer", http.MethodGet, "/customers/lookup", "Whom a number belongs to, and by which rule", "customers"), s.lookup)
	register(api, "customers.read", op("getCustomer", http.MethodGet, "/customers/{id}", "One customer", "customers"), s.getCustomer)
	register(api, "customers.write", op("updateCustomer", http.MethodPatch, "/customers/{id}", "Change a customer", "customers"), s.patchCustomer)
	register(api, "customers.archive", op("archiveCustomer", http.MethodDelete, "/customers/{id}", "Archive a customer: never matched again, nothing lost", "customers"), s.archiveCustomer)
	register(api, "customers.archive", op("restoreCustomer", http.MethodPost, "/customers/{id}/restore", "Bring an archived customer back", "customers"), s.restoreCustomer)

	register(api, "agents.read", op("listAgents", http.MethodGet, "/agents", "Agents", "agents"), s.listAgents)
	register(api, "agents.manage", op("createAgent", http.MethodPost, "/agents", "Create an agent", "agents"), s.createAgent)
	register(api, "agents.read", op("getAgent", http.MethodGet, "/agents/{id}", "One agent", "agents"), s.getAgent)
	register(api, "agents.manage", op("updateAgent", http.MethodPatch, "/agents/{id}", "Change an agent", "agents"), s.patchAgent)
	register(api, "agents.manage", op("archiveAgent", http.MethodDelete, "/agents/{id}", "Archive an agent: cannot log in, keeps the calls", "agents"), s.archiveAgent)
	register(api, "agents.manage", op("restoreAgent", http.MethodPost, "/agents/{id}/restore", "Bring an archived agent back", "agents"), s.restoreAgent)
	register(api, "agents.read", op("listTeams", http.MethodGet, "/teams", "Teams", "teams"), s.listTeams)
	register(api, "agents.manage", op("createTeam", http.MethodPost, "/teams", "Create a team", "teams"), s.createTeam)
	register(api, "agents.manage", op("updateTeam", http.MethodPatch, "/teams/{id}", "Rename a team", "teams"), s.patchTeam)

	register(api, anySession, op("dismissCall", http.MethodPost, "/desk/dismiss", "Put an ended call off my desk", "desk"), s.dismiss)
	register(api, anySession, op("status", http.MethodGet, "/status", "What is live", "status"), s.status)
	s.describePush(api)
	finish(api.OpenAPI())
	return api
}

// op describes an operation.
func op(id, method, path, summary, tag string) huma.Operation {
	o := huma.Operation{OperationID: id, Method: method, Path: base + path, Summary: summary, Tags: []string{tag}, MaxBodyBytes: maxBody}
	if method == http.MethodPost && (tag == "customers" || tag == "agents" || tag == "teams") && path == "/"+tag || id == "createToken" {
		o.DefaultStatus = http.StatusCreated
	}
	return o
}

// register adds an operation, which only an actor with permission reaches.
func register[I, O any](api huma.API, permission string, o huma.Operation, handler func(context.Context, *I) (*O, error)) {
	if permission == "" {
		panic("operation " + o.OperationID + " names no permission")
	}
	o.Metadata = map[string]any{permissionKey: permission}
	huma.Register(api, o, handler)
}

// describePush puts the socket and its frames into the document: huma cannot serve it, but the client's types come
// from there.
func (s *server) describePush(api huma.API) {
	schemas := api.OpenAPI().Components.Schemas
	desk := huma.SchemaFromType(schemas, reflectType[deskFrameHolder]())
	_ = desk
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "push", Method: http.MethodGet, Path: base + "/push", Tags: []string{"desk"},
		Summary:     "The pictures of my desk, as they change (WebSocket)",
		Description: "Upgrade to a WebSocket. The server writes DeskFrame texts; the browser answers each drawn one with SeenFrame.",
		Metadata:    map[string]any{permissionKey: anySession},
		Responses:   map[string]*huma.Response{"101": {Description: "Switching Protocols"}},
	})
}

// finish tightens what huma derives: lists are never null, and no text that a client sends may hold a NUL, which
// PostgreSQL cannot store.
func finish(doc *huma.OpenAPI) {
	seen := map[*huma.Schema]bool{}
	var walk func(*huma.Schema)
	walk = func(s *huma.Schema) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		if s.Type == huma.TypeArray {
			s.Nullable = false
		}
		if s.Type == huma.TypeString && s.Pattern == "" && s.Format == "" && len(s.Enum) == 0 {
			s.Pattern, s.PatternDescription = noNUL, "text without NUL"
			s.PrecomputeMessages()
		}
		walk(s.Items)
		for _, p := range s.Properties {
			walk(p)
		}
		for _, a := range s.AnyOf {
			walk(a)
		}
	}
	for _, s := range doc.Components.Schemas.Map() {
		walk(s)
	}
	for _, item := range doc.Paths {
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Patch, item.Delete, item.Put} {
			if o == nil {
				continue
			}
			for _, p := range o.Parameters {
				walk(p.Schema)
			}
		}
	}
}

// noNUL is a regular expression that both Go and ECMAScript read.
const noNUL = `^[^\x00]*$`
