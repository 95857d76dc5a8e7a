import "../app/rest.css";
import { Button, MultiSelect, Table, TextInput } from "@mantine/core";
import { IconPlus, IconUsersGroup } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { sayFault } from "../api/fault";
import { Problem } from "../api/problem";
import { agents as agentsQuery, queryClient, teams as teamsQuery } from "../api/queries";
import type { Agent, Team } from "../api/types";
import { ListPanel } from "../parts/list-panel";
import { notice } from "../parts/notice";
import { FormFrame } from "./form-frame";

export function TeamsPage() {
  const { t } = useTranslation();
  const list = useQuery(teamsQuery);
  const agents = useQuery(agentsQuery());
  const [editing, setEditing] = useState<Team | "new" | null>(null);
  const items = list.data?.items ?? [];
  return (
    <>
      <ListPanel
        list={list}
        items={items}
        label={t("settings.teams")}
        bar={
          <>
            <span />
            <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing("new")}>
              {t("teams.create")}
            </Button>
          </>
        }
        empty={{
          icon: <IconUsersGroup size={28} stroke={1.5} />,
          title: t("teams.emptyTitle"),
          body: t("teams.emptyBody"),
        }}
        head={
          <>
            <Table.Th>{t("teams.name")}</Table.Th>
            <Table.Th>{t("settings.agents")}</Table.Th>
            <Table.Th className="only-wide">{t("teams.supervisors")}</Table.Th>
            <Table.Th aria-label={t("action.edit")} />
          </>
        }
        row={(x) => (
          <Table.Tr key={x.id}>
            <Table.Td>{x.name}</Table.Td>
            <Table.Td>
              {agents.data?.items
                .filter((a) => a.team_id === x.id)
                .map((a) => a.name)
                .join(t("app.comma"))}
            </Table.Td>
            <Table.Td className="only-wide">
              {agents.data?.items
                .filter((a) => x.supervisors.includes(a.id))
                .map((a) => a.name)
                .join(t("app.comma"))}
            </Table.Td>
            <Table.Td ta="end">
              <Button
                size="compact-sm"
                variant="default"
                onClick={() => setEditing(x)}
                aria-label={`${t("action.edit")}: ${x.name}`}
              >
                {t("action.edit")}
              </Button>
            </Table.Td>
          </Table.Tr>
        )}
      />
      {editing && (
        <TeamForm
          team={editing === "new" ? null : editing}
          agents={agents.data?.items ?? []}
          onClose={() => setEditing(null)}
        />
      )}
    </>
  );
}

function TeamForm({ team, agents, onClose }: { team: Team | null; agents: Agent[]; onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState(team?.name ?? "");
  const [supervisors, setSupervisors] = useState(team?.supervisors ?? []);
  const save = useMutation({
    mutationFn: () =>
      team
        ? got(
            api.PATCH("/api/v1/teams/{id}", {
              params: { path: { id: team.id } },
              body: { name: name.trim(), supervisors, version: team.version },
            }),
          )
        : got(api.POST("/api/v1/teams", { body: { name: name.trim(), supervisors } })),
    onSuccess: (x) => {
      void queryClient.invalidateQueries({ queryKey: ["teams"] });
      notice(t("teams.savedDone", { name: x.name }));
      onClose();
    },
  });
  const named = save.error instanceof Problem ? save.error.fields.name : undefined;
  return (
    <FormFrame
      title={t(team ? "teams.editTitle" : "teams.create")}
      fault={named ? null : save.error}
      saving={save.isPending}
      ready={name.trim() !== ""}
      saveWord={t(team ? "action.save" : "action.create")}
      onSave={() => save.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={t("teams.name")}
        required
        data-autofocus
        dir="auto"
        value={name}
        onChange={(ev) => setName(ev.currentTarget.value)}
        error={named && sayFault(named, t)}
      />
      <MultiSelect
        label={t("teams.supervisors")}
        description={t("teams.supervisorsBody")}
        data={agents.filter((a) => a.role === "supervisor").map((a) => ({ value: a.id, label: a.name }))}
        value={supervisors}
        onChange={setSupervisors}
      />
    </FormFrame>
  );
}
