package web

import (
	"context"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

func reflectType[T any]() reflect.Type { return reflect.TypeFor[T]() }

type deskFrameHolder struct {
	Desk DeskFrame
	Seen SeenFrame
}

type none = struct{}

var errAway = huma.Error503ServiceUnavailable("not there yet")

func (s *server) login(context.Context, *loginInput) (*loginOutput, error)      { return nil, errAway }
func (s *server) logout(context.Context, *none) (*logoutOutput, error)          { return nil, errAway }
func (s *server) me(context.Context, *none) (*meOutput, error)                  { return nil, errAway }
func (s *server) patchMe(context.Context, *patchMeInput) (*meOutput, error)     { return nil, errAway }
func (s *server) changePassword(context.Context, *passwordInput) (*none, error) { return nil, errAway }
func (s *server) listTokens(context.Context, *none) (*tokenPageOutput, error)   { return nil, errAway }
func (s *server) createToken(context.Context, *createTokenInput) (*newTokenOutput, error) {
	return nil, errAway
}
func (s *server) deleteToken(context.Context, *idInput) (*none, error) { return nil, errAway }
func (s *server) listCalls(context.Context, *listCallsInput) (*callPageOutput, error) {
	return nil, errAway
}
func (s *server) getCall(context.Context, *idInput) (*callOutput, error) { return nil, errAway }
func (s *server) patchCall(context.Context, *patchCallInput) (*callOutput, error) {
	return nil, errAway
}
func (s *server) listCustomers(context.Context, *listCustomersInput) (*customerPageOutput, error) {
	return nil, errAway
}
func (s *server) createCustomer(context.Context, *createCustomerInput) (*customerOutput, error) {
	return nil, errAway
}
func (s *server) lookup(context.Context, *lookupInput) (*lookupOutput, error)    { return nil, errAway }
func (s *server) getCustomer(context.Context, *idInput) (*customerOutput, error) { return nil, errAway }
func (s *server) patchCustomer(context.Context, *patchCustomerInput) (*customerOutput, error) {
	return nil, errAway
}
func (s *server) archiveCustomer(context.Context, *idInput) (*none, error) { return nil, errAway }
func (s *server) restoreCustomer(context.Context, *idInput) (*customerOutput, error) {
	return nil, errAway
}
func (s *server) listAgents(context.Context, *listAgentsInput) (*agentPageOutput, error) {
	return nil, errAway
}
func (s *server) createAgent(context.Context, *createAgentInput) (*agentOutput, error) {
	return nil, errAway
}
func (s *server) getAgent(context.Context, *idInput) (*agentOutput, error) { return nil, errAway }
func (s *server) patchAgent(context.Context, *patchAgentInput) (*agentOutput, error) {
	return nil, errAway
}
func (s *server) archiveAgent(context.Context, *idInput) (*none, error)        { return nil, errAway }
func (s *server) restoreAgent(context.Context, *idInput) (*agentOutput, error) { return nil, errAway }
func (s *server) listTeams(context.Context, *none) (*teamPageOutput, error)    { return nil, errAway }
func (s *server) createTeam(context.Context, *createTeamInput) (*teamOutput, error) {
	return nil, errAway
}
func (s *server) patchTeam(context.Context, *patchTeamInput) (*teamOutput, error) {
	return nil, errAway
}
func (s *server) dismiss(context.Context, *dismissInput) (*none, error) { return nil, errAway }
func (s *server) status(context.Context, *none) (*statusOutput, error)  { return nil, errAway }
