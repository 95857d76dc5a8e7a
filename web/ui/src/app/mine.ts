import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { me as meQuery, queues as queuesQuery, teams as teamsQuery } from "../api/queries";
import type { Queue, Team } from "../api/types";
import type { useMay } from "./may";

type Scope = ReturnType<typeof useMay>;

/** useMyTeams are the teams that a permission covers: all of them, or those of which one is a supervisor. */
export function useMyTeams(scope: Scope): Team[] {
  const me = useSuspenseQuery(meQuery).data.agent;
  const known = useQuery({ ...teamsQuery, enabled: scope !== null, retry: false }).data?.items ?? [];
  return known.filter((x) => scope === "all" || x.supervisors.includes(me.id));
}

/** useMyQueues are the queues of these teams; of all: also those that are of none. */
export function useMyQueues(scope: Scope): Queue[] {
  const teams = useMyTeams(scope);
  const known = useQuery({ ...queuesQuery(), enabled: scope !== null, retry: false }).data?.items ?? [];
  return known.filter((q) => scope === "all" || teams.some((x) => x.id === q.team_id));
}
