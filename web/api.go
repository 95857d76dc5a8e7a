package web

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"ringbook/crm"
)

// Access levels that are no permission of crm's.
const (
	public     crm.Permission = "public"  // no session needed
	anySession crm.Permission = "session" // any actor
)

// permissionKey is where an operation's metadata carries its permission.
const permissionKey = "permission"

// newAPI registers every operation of the API on r.
func (s *Server) newAPI(r chi.Router) huma.API {
	types := newSchemas()
	config := huma.DefaultConfig("ringbook", "1")
	config.Components.Schemas = types.Registry
	config.OpenAPIPath = base + "/openapi"
	config.DocsPath, config.SchemasPath = "", ""
	config.CreateHooks = nil // no $schema members in bodies
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{quiet}
	api := humachi.New(r, config)
	api.UseMiddleware(s.authorize)
	a := &operations{api, s}

	add(a, public, http.MethodPost, "/session", "login", "Log in", s.login)
	add(a, anySession, http.MethodDelete, "/session", "logout", "Log out", s.logout)
	add(a, anySession, http.MethodGet, "/me", "me", "Who am I", s.me)
	add(a, anySession, http.MethodPatch, "/me", "updateMe", "Change my preferences", s.patchMe)
	add(a, crm.StatesWrite, http.MethodPut, "/me/state", "setMyState", "Make me available, paused or offline", s.setMyState)
	add(a, anySession, http.MethodPost, "/me/password", "changePassword", "Change my password; ends my other sessions", s.changePassword)
	add(a, crm.SessionsManage, http.MethodGet, "/sessions", "listSessions", "Where I am logged in", s.listSessions)
	add(a, crm.SessionsManage, http.MethodDelete, "/sessions/{id}", "endSession", "Log out elsewhere", s.endSession)
	add(a, crm.TokensManage, http.MethodGet, "/tokens", "listTokens", "My API tokens", s.listTokens)
	add(a, crm.TokensManage, http.MethodPost, "/tokens", "createToken", "Make an API token of mine", s.createToken)
	add(a, crm.TokensManage, http.MethodDelete, "/tokens/{id}", "endToken", "End an API token of mine", s.endToken)

	add(a, crm.CallsRead, http.MethodGet, "/calls", "listCalls", "The call log, newest first", s.listCalls)
	add(a, crm.CallsRead, http.MethodGet, "/calls/estimate", "estimateCalls", "About how many calls a list has", s.estimateCalls)
	add(a, crm.CallsRead, http.MethodGet, "/gaps", "listGaps", "When an exchange was not heard, so that calls are missing", s.listGaps)
	add(a, crm.CallsRead, http.MethodGet, "/calls/{id}", "getCall", "One call with its legs", s.getCall)
	add(a, crm.CallsAnnotate, http.MethodPatch, "/calls/{id}", "updateCall", "Note, customer and disposition of a call, live or ended", s.patchCall)

	add(a, crm.CallsDial, http.MethodPost, "/calls", "createCall", "Call a number from one of my phones", s.dial)
	add(a, crm.CallsControl, http.MethodDelete, "/calls/{id}", "hangUp", "Hang up", s.hangUp)
	add(a, crm.CallsControl, http.MethodPost, "/calls/{id}/transfer", "transferCall", "Hand the call over, or ask somebody first", s.transfer)
	add(a, crm.CallsControl, http.MethodPost, "/calls/{id}/transfer/complete", "completeTransfer", "Give the call to the one who is being asked", s.completeTransfer)
	add(a, crm.CallsControl, http.MethodPost, "/calls/{id}/transfer/cancel", "cancelTransfer", "Go back to the call", s.cancelTransfer)
	add(a, crm.CallsControl, http.MethodPost, "/calls/{id}/hold", "holdCall", "Put the other party on hold, or take them back", s.hold)
	add(a, crm.CallsControl, http.MethodGet, "/destinations", "listDestinations", "Where a call could go", s.destinations)
	add(a, crm.CallsDial, http.MethodGet, "/dialling", "getDialling", "Who may call what", s.getDialling)
	add(a, crm.DiallingManage, http.MethodPut, "/dialling", "saveDialling", "Say who may call what", s.putDialling)
	add(a, crm.DiallingManage, http.MethodGet, "/dialling/test", "testDialling", "What the rules say about a number", s.testDialling)

	add(a, crm.CallsExport, http.MethodPost, "/exports", "createExport", "Prepare a list of calls as a file, which is made while it is fetched", s.createExport)
	add(a, crm.CallsExport, http.MethodGet, "/exports", "listExports", "My last exports and how far they have come", s.listExports)
	add(a, crm.CallsExport, http.MethodGet, "/exports/{id}", "getExport", "How far an export has come", s.getExport)
	add(a, crm.CallsExport, http.MethodDelete, "/exports/{id}", "cancelExport", "Cancel an export", s.cancelExport)

	add(a, anySession, http.MethodGet, "/views", "listViews", "Saved views: my own, then those of my teams", s.listViews)
	add(a, crm.ViewsWrite, http.MethodPost, "/views", "createView", "Save a page's filters under a name", s.createView)
	add(a, crm.ViewsWrite, http.MethodPatch, "/views/{id}", "updateView", "Change a saved view, or make it the one that the page opens with", s.patchView)
	add(a, crm.ViewsWrite, http.MethodDelete, "/views/{id}", "archiveView", "Delete a saved view; it can be restored for 30 days", s.archiveView)
	add(a, crm.ViewsWrite, http.MethodPost, "/views/{id}/restore", "restoreView", "Bring a deleted view back", s.restoreView)

	add(a, crm.FollowUpsRead, http.MethodGet, "/follow-ups", "listFollowUps", "What is to be done, the most overdue first", s.listFollowUps)
	add(a, crm.FollowUpsRead, http.MethodGet, "/follow-ups/counts", "countFollowUps", "How many of a list are due when", s.countFollowUps)
	add(a, crm.FollowUpsWrite, http.MethodPost, "/follow-ups", "createFollowUp", "Make a task or a callback", s.createFollowUp)
	add(a, crm.FollowUpsWrite, http.MethodPost, "/follow-ups/bulk", "bulkFollowUps", "Give many to somebody, move or cancel them", s.bulkFollowUps)
	add(a, crm.FollowUpsRead, http.MethodGet, "/follow-ups/{id}", "getFollowUp", "One follow-up with its changes", s.getFollowUp)
	add(a, crm.FollowUpsWrite, http.MethodPatch, "/follow-ups/{id}", "updateFollowUp", "Change, move or hand over a follow-up", s.patchFollowUp)
	add(a, crm.FollowUpsWrite, http.MethodPost, "/follow-ups/{id}/claim", "claimFollowUp", "Take a follow-up into my hands", s.claimFollowUp)
	add(a, crm.FollowUpsWrite, http.MethodPost, "/follow-ups/{id}/release", "releaseFollowUp", "Put a claimed follow-up back", s.releaseFollowUp)
	add(a, crm.FollowUpsWrite, http.MethodPost, "/follow-ups/{id}/done", "doFollowUp", "Close a follow-up as done", s.doFollowUp)
	add(a, crm.FollowUpsWrite, http.MethodPost, "/follow-ups/{id}/cancel", "cancelFollowUp", "Close a follow-up that need not be done", s.cancelFollowUp)
	add(a, crm.FollowUpsWrite, http.MethodPost, "/follow-ups/{id}/reopen", "reopenFollowUp", "Make a closed follow-up due again", s.reopenFollowUp)
	add(a, crm.FollowUpsWrite, http.MethodPost, "/follow-ups/{id}/dial", "dialFollowUp", "Claim a callback and call it from one of my phones", s.dialFollowUp)

	add(a, crm.CustomersRead, http.MethodGet, "/customers", "listCustomers", "Customers by name, number or organization", s.listCustomers)
	add(a, crm.CustomersWrite, http.MethodPost, "/customers", "createCustomer", "Create a customer", s.createCustomer)
	add(a, crm.CustomersRead, http.MethodGet, "/customers/lookup", "lookupCustomer", "Whom a number belongs to, and by which rule", s.lookup)
	add(a, crm.CustomersRead, http.MethodGet, "/customers/{id}", "getCustomer", "One customer", s.getCustomer)
	add(a, crm.CustomersWrite, http.MethodPatch, "/customers/{id}", "updateCustomer", "Change a customer", s.patchCustomer)
	add(a, crm.CustomersArchive, http.MethodDelete, "/customers/{id}", "archiveCustomer", "Archive a customer: not matched any more, nothing lost", s.archiveCustomer)
	add(a, crm.CustomersArchive, http.MethodPost, "/customers/{id}/restore", "restoreCustomer", "Bring an archived customer back", s.restoreCustomer)

	add(a, crm.AgentsRead, http.MethodGet, "/agents", "listAgents", "Agents", s.listAgents)
	add(a, crm.AgentsWrite, http.MethodPost, "/agents", "createAgent", "Create an agent", s.createAgent)
	add(a, crm.AgentsRead, http.MethodGet, "/agents/{id}", "getAgent", "One agent", s.getAgent)
	add(a, crm.AgentsWrite, http.MethodPatch, "/agents/{id}", "updateAgent", "Change an agent", s.patchAgent)
	add(a, crm.AgentsWrite, http.MethodDelete, "/agents/{id}", "archiveAgent", "Archive an agent: cannot log in, keeps the calls", s.archiveAgent)
	add(a, crm.StatesWrite, http.MethodPut, "/agents/{id}/state", "setAgentState", "Make an agent available, paused or offline", s.setAgentState)
	add(a, crm.StatesRead, http.MethodGet, "/agents/{id}/states", "listAgentStates", "What an agent was doing, newest first", s.listStates)
	add(a, crm.AgentsWrite, http.MethodPost, "/agents/{id}/restore", "restoreAgent", "Bring an archived agent back", s.restoreAgent)

	add(a, crm.PhonesManage, http.MethodGet, "/phones", "listPhones", "Phones and lines, those that need an owner first", s.listPhones)
	add(a, crm.PhonesManage, http.MethodPatch, "/phones/{pbx}/{technology}/{name}", "correctPhone", "Say what a phone is, and whose", s.correctPhone)
	add(a, crm.PhonesManage, http.MethodPost, "/phones/{pbx}/{technology}/{name}/calls", "namePhoneCalls", "Give a phone's past calls that are nobody's to the agent whose phone it is", s.namePhoneCalls)

	add(a, crm.QueuesRead, http.MethodGet, "/queues", "listQueues", "The exchanges' queues", s.listQueues)
	add(a, crm.QueuesRead, http.MethodGet, "/queues/{id}", "getQueue", "One queue", s.getQueue)
	add(a, crm.QueuesManage, http.MethodPatch, "/queues/{id}", "updateQueue", "Say what a queue is called, and how its calls are taken", s.patchQueue)

	add(a, crm.FloorRead, http.MethodGet, "/floor", "getFloor", "The room as it is now: who waits, calls that go on, agents, the queues' day", s.getFloor)
	add(a, crm.FloorRead, http.MethodGet, "/wallboards", "listWallboards", "Wallboards of mine, and of those whom I lead", s.listWallboards)
	add(a, crm.FloorRead, http.MethodPost, "/wallboards", "createWallboard", "Make a key for a screen on the wall", s.createWallboard)
	add(a, crm.FloorRead, http.MethodDelete, "/wallboards/{id}", "endWallboard", "End a wallboard", s.endWallboard)
	add(a, public, http.MethodGet, "/wallboard", "getWallboard", "What a wallboard shows; its key as Authorization: Bearer", s.getWallboard)

	add(a, crm.StatesRead, http.MethodGet, "/states", "listStates", "What agents are doing now", s.listStandings)
	add(a, crm.StatesRead, http.MethodGet, "/pause-reasons", "listPauseReasons", "Why one may pause", s.listPauseReasons)
	add(a, crm.StatesManage, http.MethodPost, "/pause-reasons", "createPauseReason", "Offer another reason to pause", s.createPauseReason)
	add(a, crm.StatesManage, http.MethodPatch, "/pause-reasons/{id}", "updatePauseReason", "Change a reason, or offer it again", s.patchPauseReason)
	add(a, crm.StatesManage, http.MethodDelete, "/pause-reasons/{id}", "archivePauseReason", "Offer a reason no more; who is paused with it stays so", s.archivePauseReason)

	add(a, crm.MissedRead, http.MethodGet, "/missed", "listMissed", "Who called and was not answered since, oldest first", s.listMissed)
	add(a, crm.MissedRead, http.MethodGet, "/missed/count", "countMissed", "How many of them I see, up to 100", s.countMissed)
	add(a, crm.MissedRead, http.MethodPost, "/missed/{id}/claim", "claimMissed", "Take one in hand; 409 tells who has it", onMissed(s.Calls.ClaimMissed))
	add(a, crm.MissedRead, http.MethodPost, "/missed/{id}/release", "releaseMissed", "Give one back", onMissed(s.Calls.ReleaseMissed))
	add(a, crm.MissedRead, http.MethodPost, "/missed/{id}/done", "finishMissed", "Say that one is dealt with", onMissed(s.Calls.FinishMissed))
	add(a, crm.MissedRead, http.MethodPost, "/missed/{id}/reopen", "reopenMissed", "Take that back", onMissed(s.Calls.ReopenMissed))

	add(a, anySession, http.MethodGet, "/dispositions", "listDispositions", "How one may say that a call ended", s.listDispositions)
	add(a, crm.DispositionsManage, http.MethodPost, "/dispositions", "createDisposition", "Offer another disposition", s.createDisposition)
	add(a, crm.DispositionsManage, http.MethodPatch, "/dispositions/{id}", "updateDisposition", "Change a disposition, move it in its list, or offer it again", s.patchDisposition)
	add(a, crm.DispositionsManage, http.MethodDelete, "/dispositions/{id}", "archiveDisposition", "Offer a disposition no more; calls of which it was said keep it", s.archiveDisposition)

	add(a, crm.TeamsRead, http.MethodGet, "/teams", "listTeams", "Teams", s.listTeams)
	add(a, crm.TeamsWrite, http.MethodPost, "/teams", "createTeam", "Create a team", s.createTeam)
	add(a, crm.TeamsRead, http.MethodGet, "/teams/{id}", "getTeam", "One team", s.getTeam)
	add(a, crm.TeamsWrite, http.MethodPatch, "/teams/{id}", "updateTeam", "Change a team", s.patchTeam)
	add(a, crm.TeamsWrite, http.MethodDelete, "/teams/{id}", "archiveTeam", "Archive a team; its agents stay, without a team", s.archiveTeam)

	add(a, anySession, http.MethodPost, "/desk/dismiss", "dismissCall", "Put a call that has ended off my desk", s.dismiss)
	add(a, anySession, http.MethodGet, "/when", "when", "Read a due time as people write it", s.when)
	add(a, crm.AgentsWrite, http.MethodGet, "/setup", "getSetup", "What is not set up yet", s.setup)
	add(a, anySession, http.MethodGet, "/status", "status", "What is live", s.status)
	describePush(api.OpenAPI())
	describeExportFile(api.OpenAPI())
	types.refine()
	describeCodes(types)
	return api
}

// operations is where add registers.
type operations struct {
	api    huma.API
	server *Server
}

// add registers an operation, which only an actor with the permission reaches, and whose errors become problems.
func add[I, O any](a *operations, p crm.Permission, method, path, id, summary string, handler func(context.Context, *I) (*O, error)) {
	if p == "" {
		panic("operation " + id + " names no permission")
	}
	tag, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	o := huma.Operation{
		OperationID: id, Method: method, Path: base + path, Summary: summary, Tags: []string{tag}, MaxBodyBytes: maxBody,
		Description: "Permission: " + string(p) + ".",
		Metadata:    map[string]any{permissionKey: p},
	}
	if strings.HasPrefix(id, "create") {
		o.DefaultStatus = http.StatusCreated
	}
	huma.Register(a.api, o, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, a.server.problem(ctx, method, err)
		}
		return out, nil
	})
}

// describeExportFile puts the file of an export into the document: huma does not serve it, for it may take longer than
// requests may.
func describeExportFile(doc *huma.OpenAPI) {
	binary := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	doc.AddOperation(&huma.Operation{
		OperationID: "fetchExport", Method: http.MethodGet, Path: base + "/exports/{id}/file", Tags: []string{"exports"},
		Summary: "The file of an export, made while it is sent: once",
		Description: "Permission: " + string(crm.CallsExport) + ". Without a length, as nobody knows it before the end; a file that was not sent to its " +
			"end breaks off, and the export tells why. 409: it was fetched before, cancelled, or not fetched for five minutes.",
		Metadata:   map[string]any{permissionKey: crm.CallsExport},
		Parameters: []*huma.Param{{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"}}},
		Responses: map[string]*huma.Response{"200": {Description: "The file", Content: map[string]*huma.MediaType{
			typeCSV: binary, typeXLSX: binary,
		}}},
	})
}

// describePush puts the socket and its frames into the document. huma cannot serve it, but the types of the UI come
// from there.
func describePush(doc *huma.OpenAPI) {
	doc.Components.Schemas.Schema(reflect.TypeFor[DeskFrame](), true, "")
	doc.Components.Schemas.Schema(reflect.TypeFor[SeenFrame](), true, "")
	doc.Components.Schemas.Schema(reflect.TypeFor[BeatFrame](), true, "")
	doc.Components.Schemas.Schema(reflect.TypeFor[MissedFrame](), true, "")
	doc.Components.Schemas.Schema(reflect.TypeFor[FloorFrame](), true, "")
	doc.Components.Schemas.Schema(reflect.TypeFor[FloorWish](), true, "")
	doc.AddOperation(&huma.Operation{
		OperationID: "push", Method: http.MethodGet, Path: base + "/push", Tags: []string{"desk"},
		Summary: "The pictures of my desk, as they change (WebSocket)",
		Description: "Permission: session. After the upgrade the server writes a DeskFrame at once and with every change; the browser " +
			"answers each that it has drawn with a SeenFrame. With ?beat=true a BeatFrame tells every four seconds that nothing " +
			"has changed: who hears nothing for ten has lost the server, and comes back. Who may see the floor sends a FloorWish, and gets a FloorFrame " +
			"with every change, at most one a second (permission: floor.read). Close codes: 4401 log in, 4408 too slow, 4429 too many messages, " +
			"4503 shutting down; after all but 4401 come back, a little later than the others.",
		Metadata:  map[string]any{permissionKey: anySession},
		Responses: map[string]*huma.Response{"101": {Description: "Switching Protocols"}},
	})
}
