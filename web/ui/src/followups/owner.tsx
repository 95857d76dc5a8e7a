// Whose a follow-up is: an agent's, a team's, or anyone's.
import { Select, type SelectProps } from "@mantine/core";
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { agents as agentsQuery, me as meQuery } from "../api/queries";
import type { FollowUp } from "../api/types";
import { useMay } from "../app/may";
import { useMyTeams } from "../app/mine";

/** Owner is written "me", "anyone", "agent:ID" or "team:ID". */
export type Owner = string;

export function ownerOf(f: FollowUp, me: string): Owner {
  if (f.assignee) return f.assignee.id === me ? "me" : `agent:${f.assignee.id}`;
  return f.team ? `team:${f.team.id}` : "anyone";
}

/** ownerBody is what the API is told of an owner. */
export function ownerBody(o: Owner, me: string): { assignee_id?: string; team_id?: string; anyone?: boolean } {
  if (o === "anyone") return { anyone: true };
  if (o.startsWith("team:")) return { team_id: o.slice(5) };
  return { assignee_id: o === "me" ? me : o.slice(6) };
}

type Props = Omit<SelectProps, "data" | "value" | "onChange"> & {
  value: Owner;
  onPick: (o: Owner) => void;
  /** Who has it now, so that it can be shown even where it may not be given to. */
  now?: FollowUp | undefined;
};

export function OwnerSelect({ value, onPick, now, ...props }: Props) {
  const { t } = useTranslation();
  const me = useSuspenseQuery(meQuery).data.agent;
  const assign = useMay("follow_ups.assign");
  const agents = useQuery({ ...agentsQuery(), enabled: assign !== null, retry: false }).data?.items ?? [];
  const covered = useMyTeams(assign);
  const teams = covered.map((x) => ({ value: `team:${x.id}`, label: x.name }));
  if (me.team_id && !teams.some((x) => x.value === `team:${me.team_id}`)) {
    teams.unshift({ value: `team:${me.team_id}`, label: me.team });
  }
  const colleagues = assign
    ? agents
        .filter((a) => a.id !== me.id && (assign === "all" || covered.some((x) => x.id === a.team_id)))
        .map((a) => ({ value: `agent:${a.id}`, label: a.name }))
    : [];
  const first = [
    { value: "me", label: t("followUps.me") },
    { value: "anyone", label: t("followUps.anyone") },
  ];
  if (now && value !== "me" && value !== "anyone" && ![...teams, ...colleagues].some((x) => x.value === value)) {
    first.push({ value, label: now.assignee?.name ?? now.team?.name ?? "" });
  }
  const data = [
    ...first,
    ...(teams.length > 0 ? [{ group: t("followUps.teams"), items: teams }] : []),
    ...(colleagues.length > 0 ? [{ group: t("followUps.colleagues"), items: colleagues }] : []),
  ];
  return (
    <Select
      label={t("followUps.owner")}
      allowDeselect={false}
      searchable={colleagues.length + teams.length > 6}
      nothingFoundMessage={t("followUps.nobodyFound")}
      {...props}
      data={data}
      value={value}
      onChange={(v) => v && onPick(v)}
    />
  );
}
