package web

import "context"

// Setup is what an administrator does before the first day, and how far that is.
type Setup struct {
	Done  bool        `json:"done" doc:"all that is needed is done"`
	Steps []SetupStep `json:"steps" doc:"in the order in which they are best done"`
}

// SetupStep is one thing to do.
type SetupStep struct {
	Key    string   `json:"key" enum:"pbx,agents,phones,teams,queues,dispositions,customers,manager,call"`
	Done   bool     `json:"done"`
	Needed bool     `json:"needed" doc:"without it ringbook does not do what it is for; else it is worth doing"`
	There  int      `json:"there" doc:"how many there are of what the step is about: exchanges, agents, phones to be given, teams, queues; 0 where that is not counted"`
	Open   int      `json:"open" doc:"of them, those that still need something"`
	Names  []string `json:"names" doc:"of exchanges, those that are not live"`
}

type setupOutput struct{ Body Setup }

func (s *Server) setup(ctx context.Context, _ *struct{}) (*setupOutput, error) {
	actor := actorOf(ctx)
	people, err := s.Store.Setup(ctx, actor)
	if err != nil {
		return nil, err
	}
	needy, err := s.Calls.NeedyPhones(ctx, actor, s.exchangeNames())
	if err != nil {
		return nil, err
	}
	rung, err := s.Calls.Rung(ctx, actor)
	if err != nil {
		return nil, err
	}
	step := func(key string, done, needed bool, there, open int) SetupStep {
		return SetupStep{Key: key, Done: done, Needed: needed, There: there, Open: open, Names: []string{}}
	}
	unnamed := people.QueuesUnnamed
	exchanges, manager := step("pbx", true, true, 0, 0), step("manager", true, false, 0, 0)
	for _, p := range s.Exchanges() {
		exchanges.There++
		if !p.Live {
			exchanges.Names = append(exchanges.Names, p.Name)
		}
		if p.AMI == nil || !p.AMI.Live {
			manager.Names = append(manager.Names, p.Name)
		}
	}
	for _, of := range []*SetupStep{&exchanges, &manager} {
		of.There, of.Open = exchanges.There, len(of.Names)
		of.Done = of.There > 0 && of.Open == 0
	}
	out := Setup{Done: true, Steps: []SetupStep{
		exchanges,
		step("agents", people.Agents > 0 && people.WithoutPhone == 0, true, people.Agents, people.WithoutPhone),
		step("phones", needy == 0, true, needy, needy),
		step("teams", people.Teams > 0 && people.TeamsUnled == 0 && people.WithoutTeam == 0, false, people.Teams, people.TeamsUnled+people.WithoutTeam),
		step("queues", unnamed == 0, false, people.Queues, unnamed),
		step("dispositions", people.Dispositions, false, 0, 0),
		step("customers", people.Customers, false, 0, 0),
		manager,
		step("call", rung, true, 0, 0),
	}}
	for _, one := range out.Steps {
		out.Done = out.Done && (one.Done || !one.Needed)
	}
	return &setupOutput{out}, nil
}
