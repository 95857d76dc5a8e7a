import "../app/rest.css";
import { Badge, Button, Switch, Table, Text } from "@mantine/core";
import { IconSearchOff, IconUsersGroup } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { queryClient, queues as queuesQuery, teams as teamsQuery } from "../api/queries";
import type { Queue, QueuePatch, Team } from "../api/types";
import { ListPanel } from "../parts/list-panel";
import { complain, notice } from "../parts/notice";
import { SearchField } from "../parts/search-field";
import { Moment, Num } from "../parts/text";
import { offerUndo } from "../parts/undo";
import { useFormat } from "../text/use-format";
import { backTo, free, type QueueSearch } from "./queue";
import { QueueForm } from "./queue-form";

/** How many of a queue's numbers a row shows. */
const shownNumbers = 3;

/** QueuesPage lists the exchanges' queues, which are there by themselves, with what is learned and what was said of them. */
export function QueuesPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/inside/settings/queues" });
  const navigate = useNavigate({ from: "/settings/queues" });
  const archived = search.archived === "1";
  const list = useQuery({ ...queuesQuery({ ...(search.q ? { q: search.q } : {}), archived }), refetchInterval: 5000 });
  const items = list.data?.items ?? [];
  const teams = useQuery(teamsQuery).data?.items ?? [];
  const [editing, setEditing] = useState<Queue | null>(null);
  const save = useSave(() => setEditing(null));
  const filter = (change: QueueSearch) =>
    void navigate({
      search: (s) => Object.fromEntries(Object.entries({ ...s, ...change }).filter(([, v]) => v)),
      replace: true,
    });
  const several = new Set(items.map((q) => q.pbx)).size > 1;
  // The list is asked for again while the form is open; what goes on in the queue is of the newest.
  const now = editing && (items.find((q) => q.id === editing.id) ?? editing);

  return (
    <>
      <Text c="dimmed" maw={760} mb="sm">
        {t("queues.body")}
      </Text>
      <ListPanel
        list={list}
        items={items}
        label={t("settings.queues")}
        bar={
          <>
            <SearchField
              value={search.q ?? ""}
              onSearch={(q) => filter({ q })}
              placeholder={t("queues.search")}
              aria-label={t("queues.search")}
              w={{ base: "100%", xs: 320 }}
            />
            <Switch
              label={t("queues.showArchived")}
              checked={archived}
              onChange={(e) => filter({ archived: e.currentTarget.checked ? "1" : undefined })}
            />
          </>
        }
        empty={
          search.q || archived
            ? {
                icon: <IconSearchOff size={28} stroke={1.5} />,
                title: t(search.q ? "queues.noneTitle" : "queues.noneArchived"),
                body: t(search.q ? "queues.noneBody" : "queues.noneArchivedBody"),
                children: (
                  <Button variant="default" onClick={() => void navigate({ search: {} })}>
                    {t("action.clear")}
                  </Button>
                ),
              }
            : {
                icon: <IconUsersGroup size={28} stroke={1.5} />,
                title: t("queues.emptyTitle"),
                body: t("queues.emptyBody"),
              }
        }
        head={
          <>
            <Table.Th>{t("queues.queue")}</Table.Th>
            <Table.Th>{t("queues.numbers")}</Table.Th>
            <Table.Th className="only-wide">{t("queues.target")}</Table.Th>
            <Table.Th className="only-wide">{t("queues.wrapUp")}</Table.Th>
            <Table.Th className="only-wide">{t("queues.team")}</Table.Th>
            <Table.Th className="only-wide">{t("queues.now")}</Table.Th>
            <Table.Th className="only-wide">{t("queues.known")}</Table.Th>
            <Table.Th aria-label={t("action.edit")} />
          </>
        }
        row={(q) => <QueueRow key={q.id} queue={q} teams={teams} several={several} onEdit={() => setEditing(q)} />}
      />
      {editing && now && (
        <QueueForm
          queue={editing}
          now={now}
          teams={teams}
          fault={save.fault}
          saving={save.busy}
          onSave={(change) => save.save(editing, change)}
          onClose={() => {
            save.forget();
            setEditing(null);
          }}
        />
      )}
    </>
  );
}

/** useSave changes queues, and offers to take that back. */
function useSave(done: () => void) {
  const { t } = useTranslation();
  const save = useMutation({
    mutationFn: ({ queue, change }: { queue: Queue; change: QueuePatch; undoes?: boolean }) =>
      got(
        api.PATCH("/api/v1/queues/{id}", {
          params: { path: { id: queue.id } },
          body: { ...change, version: queue.version },
        }),
      ),
    onSuccess: (after, { queue: before, change, undoes }) => {
      void queryClient.invalidateQueries({ queryKey: ["queues"] });
      if (undoes) {
        notice(t("queues.undone", { name: after.label }));
        return;
      }
      done();
      const undo = () => save.mutate({ queue: after, change: backTo(before, change), undoes: true });
      void offerUndo(t("queues.saved", { name: after.label }), undo);
    },
    onError: (e, { undoes }) => {
      if (undoes) complain(e);
    },
  });
  return {
    save: (queue: Queue, change: QueuePatch) => save.mutate({ queue, change }),
    busy: save.isPending,
    fault: save.variables?.undoes ? null : save.error,
    forget: save.reset,
  };
}

interface RowProps {
  queue: Queue;
  teams: Team[];
  /** Whether the list shows queues of several exchanges. */
  several: boolean;
  onEdit: () => void;
}

function QueueRow({ queue: q, teams, several, onEdit }: RowProps) {
  const { t } = useTranslation();
  const f = useFormat();
  const last = q.said.reduce<Queue["said"][number] | null>((a, b) => (!a || b.at > a.at ? b : a), null);
  return (
    <Table.Tr data-queue={q.name} data-pbx={q.pbx}>
      <Table.Td>
        <bdi>{q.label}</bdi>{" "}
        {q.gone_at && (
          <Badge color="gray" variant="light">
            {t("queues.gone")}
          </Badge>
        )}
        {(q.label !== q.name || several) && (
          <div className="quiet">
            {q.label !== q.name && <bdi dir="ltr">{q.name}</bdi>}
            {q.label !== q.name && several && " · "}
            {several && <bdi>{q.pbx}</bdi>}
          </div>
        )}
      </Table.Td>
      <Table.Td>
        {q.numbers.slice(0, shownNumbers).map((n) => (
          <div key={n}>
            <Num value={n} />
          </div>
        ))}
        {q.numbers.length > shownNumbers && (
          <span className="quiet">{t("queues.moreNumbers", { n: f.number(q.numbers.length - shownNumbers) })}</span>
        )}
      </Table.Td>
      <Table.Td className="only-wide">
        {t("queues.targetIs", { percent: f.number(q.service_level_percent), s: f.number(q.service_level_s) })}
      </Table.Td>
      <Table.Td className="only-wide">
        {q.wrap_up_s > 0 ? t("queues.seconds", { s: f.number(q.wrap_up_s) }) : <span className="quiet">–</span>}
      </Table.Td>
      <Table.Td className="only-wide">{teams.find((x) => x.id === q.team_id)?.name}</Table.Td>
      <Table.Td className="only-wide">
        <Now queue={q} />
      </Table.Td>
      <Table.Td className="only-wide">
        {last ? (
          <span>
            {t("phones.corrected", { name: last.by })}{" "}
            <span className="quiet">
              <Moment at={last.at} />
            </span>
          </span>
        ) : (
          <span className="quiet">{t(q.strategy ? "queues.byExchange" : "queues.byCalls")}</span>
        )}
      </Table.Td>
      <Table.Td ta="end">
        <Button size="compact-sm" variant="default" onClick={onEdit} aria-label={`${t("action.edit")}: ${q.label}`}>
          {t("action.edit")}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}

/** Now says in a line what goes on in a queue. */
function Now({ queue: q }: { queue: Queue }) {
  const { t } = useTranslation();
  const f = useFormat();
  if (!q.known) return <span className="quiet">{t("queues.notKnown")}</span>;
  return (
    <>
      <div>{t("queues.waiting", { n: f.number(q.waiting ?? 0) })}</div>
      <div className="quiet">{t("queues.free", { free: f.number(free(q)), n: f.number(q.members.length) })}</div>
    </>
  );
}
