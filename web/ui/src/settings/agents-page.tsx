import "../app/rest.css";
import { Badge, Button, Group, Switch, Table } from "@mantine/core";
import { IconPlus, IconUsers } from "@tabler/icons-react";
import { useMutation, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import {
  agents as agentsQuery,
  me as meQuery,
  queryClient,
  states as statesQuery,
  teams as teamsQuery,
} from "../api/queries";
import type { Agent } from "../api/types";
import { useMay } from "../app/may";
import { ListPanel } from "../parts/list-panel";
import { complain, notice } from "../parts/notice";
import { Num } from "../parts/text";
import { AgentState } from "../states/agent-state";
import { AgentForm } from "./agent-form";

export function AgentsPage() {
  const { t } = useTranslation();
  const me = useSuspenseQuery(meQuery).data;
  const navigate = useNavigate({ from: "/settings/agents" });
  const archived = useSearch({ from: "/inside/settings/agents" }).archived === "1";
  const list = useQuery(agentsQuery(archived));
  const teams = useQuery(teamsQuery);
  const [editing, setEditing] = useState<Agent | "new" | null>(null);
  const items = list.data?.items ?? [];
  const mayEdit = useMay("agents.write") !== null;
  const mayState = useMay("states.write");
  const standings = useQuery({ ...statesQuery, enabled: !archived });
  const standing = (a: Agent) => standings.data?.items.find((s) => s.agent.id === a.id);

  const restore = useMutation({
    mutationFn: (a: Agent) => got(api.POST("/api/v1/agents/{id}/restore", { params: { path: { id: a.id } } })),
    onSuccess: (_, a) => {
      void queryClient.invalidateQueries({ queryKey: ["agents"] });
      notice(t("agents.restoredDone", { name: a.name }));
    },
    onError: complain,
  });

  return (
    <>
      <ListPanel
        list={list}
        items={items}
        label={t("settings.agents")}
        bar={
          <>
            <Switch
              label={t("agents.showArchived")}
              checked={archived}
              onChange={(e) => void navigate({ search: e.currentTarget.checked ? { archived: "1" } : {} })}
            />
            {mayEdit && (
              <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing("new")}>
                {t("agents.create")}
              </Button>
            )}
          </>
        }
        empty={{
          icon: <IconUsers size={28} stroke={1.5} />,
          title: t("agents.emptyTitle"),
          body: t("agents.emptyBody"),
        }}
        head={
          <>
            <Table.Th>{t("agents.name")}</Table.Th>
            <Table.Th className="only-wide">{t("agents.username")}</Table.Th>
            <Table.Th className={archived ? "" : "only-wide"}>{t("agents.extensions")}</Table.Th>
            {!archived && <Table.Th>{t("states.state")}</Table.Th>}
            <Table.Th className="only-wide">{t("agents.role")}</Table.Th>
            <Table.Th className="only-wide">{t("agents.team")}</Table.Th>
            {mayEdit && <Table.Th aria-label={t("action.edit")} />}
          </>
        }
        row={(a) => {
          const s = standing(a);
          return (
            <Table.Tr key={a.id}>
              <Table.Td>
                {a.name}
                {a.id === me.agent.id && <span className="quiet"> ({t("agents.you")})</span>}
              </Table.Td>
              <Table.Td className="only-wide">
                <bdi dir="ltr">{a.username}</bdi>
              </Table.Td>
              <Table.Td className={archived ? "" : "only-wide"}>
                <Group gap={4}>
                  {a.extensions.map((x) => (
                    <Badge key={x} color="gray">
                      <Num value={x} plain />
                    </Badge>
                  ))}
                </Group>
              </Table.Td>
              {!archived && <Table.Td>{s && <AgentState agent={a} standing={s} may={mayState !== null} />}</Table.Td>}
              <Table.Td className="only-wide">{t(`agents.roles.${a.role}`)}</Table.Td>
              <Table.Td className="only-wide">{a.team}</Table.Td>
              {mayEdit && (
                <Table.Td ta="end">
                  {archived ? (
                    <Button size="compact-sm" variant="default" onClick={() => restore.mutate(a)}>
                      {t("action.restore")}
                    </Button>
                  ) : (
                    <Button
                      size="compact-sm"
                      variant="default"
                      onClick={() => setEditing(a)}
                      aria-label={`${t("action.edit")}: ${a.name}`}
                    >
                      {t("action.edit")}
                    </Button>
                  )}
                </Table.Td>
              )}
            </Table.Tr>
          );
        }}
      />
      {editing && (
        <AgentForm
          agent={editing === "new" ? null : editing}
          self={editing !== "new" && editing.id === me.agent.id}
          teams={teams.data?.items ?? []}
          onClose={() => setEditing(null)}
        />
      )}
    </>
  );
}
