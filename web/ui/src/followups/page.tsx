// The follow-ups: mine, my team's, anyone's; what is overdue comes first. What the list shows is in its address.
import "../app/rest.css";
import {
  Button,
  Collapse,
  Group,
  Progress,
  SegmentedControl,
  Select,
  Skeleton,
  Text,
  UnstyledButton,
} from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconFilter, IconListCheck, IconPlus, IconSearchOff, IconX } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  agents as agentsQuery,
  customer as customerQuery,
  followUpCounts,
  followUps as followUpsQuery,
} from "../api/queries";
import type { FollowUp } from "../api/types";
import { useMay } from "../app/may";
import { useMyTeams } from "../app/mine";
import { useKeys } from "../app/use-keys";
import { dial } from "../dial/attempt";
import { ListFrame } from "../parts/list-panel";
import { complain } from "../parts/notice";
import { Page } from "../parts/page";
import { SearchField } from "../parts/search-field";
import { Key } from "../parts/text";
import { useFormat } from "../text/use-format";
import { bulk, closed, finish } from "./acts";
import { AssignDialog, MoveDialog } from "./change-dialogs";
import { FollowUpDetails } from "./details";
import styles from "./followups.module.css";
import { FollowUpDialog } from "./open";
import { type FollowUpSearch, homeOwner, kinds, owners, query, states } from "./search";
import { beside, FollowUpTable, focused, placeOf, stepOff } from "./table";
import { FollowUpTabs } from "./tabs";

const DayPicker = lazy(async () => ({ default: (await import("../calls/day-picker")).DayPicker }));

type Change = { [K in keyof FollowUpSearch]?: FollowUpSearch[K] | "" };
type Dialog = { kind: "new" } | { kind: "edit" | "move" | "assign"; items: FollowUp[] };

export function FollowUpsPage() {
  const { t } = useTranslation();
  const f = useFormat();
  const search = useSearch({ from: "/inside/follow-ups" });
  const navigate = useNavigate({ from: "/follow-ups" });
  const home = homeOwner(useMay("follow_ups.read"));
  const mayWrite = useMay("follow_ups.write") !== null;
  const asked = query(search, home);
  const list = useInfiniteQuery(followUpsQuery(asked));
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const chosen = items.filter((x) => selected.has(x.id) && !closed(x));
  const go = useCallback(
    (change: Change) =>
      void navigate({
        search: (s) => Object.fromEntries(Object.entries({ ...s, ...change }).filter(([, v]) => v)) as FollowUpSearch,
        replace: !("id" in change),
      }),
    [navigate],
  );
  const filter = useCallback(
    (change: Change) => {
      setSelected(new Set());
      go(change);
    },
    [go],
  );
  const select = useCallback(
    (ids: string[], on: boolean) =>
      setSelected((s) => {
        const next = new Set(s);
        for (const id of ids) on ? next.add(id) : next.delete(id);
        return next;
      }),
    [],
  );
  /** The row that a key means: the one that has the focus, if it is open. */
  const meant = (act: (x: FollowUp) => void) => () => {
    const one = items.find((x) => x.id === focused());
    if (one && !closed(one) && mayWrite) act(one);
  };
  /** Those that a key means: all that are selected, else the row that has the focus. */
  const several = (kind: "move" | "assign") => () => {
    const one = items.find((x) => x.id === focused() && !closed(x));
    const meant = chosen.length > 0 ? chosen : one ? [one] : [];
    if (meant.length > 0 && mayWrite) setDialog({ kind, items: meant });
  };
  useKeys({
    next: () => beside(1),
    previous: () => beside(-1),
    ...(mayWrite ? { addFollowUp: () => setDialog({ kind: "new" }) } : {}),
    selectFollowUp: meant((x) => select([x.id], !selected.has(x.id))),
    doneFollowUp: meant((x) => {
      stepOff(x.id);
      void finish(x);
    }),
    callFollowUp: meant((x) => {
      if (x.kind === "callback") dial(placeOf(x), { number: x.number, followUp: x.id });
    }),
    moveFollowUp: several("move"),
    assignFollowUp: several("assign"),
  });

  const filtered = Object.keys(search).some((k) => !["owner", "id"].includes(k));
  const make = mayWrite && (
    <Button
      leftSection={<IconPlus size={16} />}
      rightSection={<Key id="addFollowUp" />}
      onClick={() => setDialog({ kind: "new" })}
    >
      {t("followUps.new")}
    </Button>
  );
  return (
    <Page title={t("followUps.pageTitle")} name={t("followUps.pageTitle")} actions={make}>
      <FollowUpTabs />
      <Whose search={search} home={home} filter={filter} />
      <Filters search={search} filter={filter} />
      {chosen.length > 0 && mayWrite && (
        <div className={styles.bulk} role="toolbar" aria-label={t("followUps.actions")}>
          <Text size="sm" fw={600}>
            {t("followUps.selected", { count: chosen.length, n: f.number(chosen.length) })}
          </Text>
          <Button size="compact-sm" variant="default" onClick={() => setDialog({ kind: "move", items: chosen })}>
            {t("followUps.reschedule")}
          </Button>
          <Button size="compact-sm" variant="default" onClick={() => setDialog({ kind: "assign", items: chosen })}>
            {t("followUps.assign")}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => bulk(chosen, { cancel: true }).then(() => setSelected(new Set()), complain)}
          >
            {t("followUps.cancel")}
          </Button>
          <Button size="compact-sm" variant="subtle" onClick={() => setSelected(new Set())}>
            {t("followUps.unselect")}
          </Button>
        </div>
      )}
      <ListFrame
        list={list}
        none={items.length === 0}
        empty={
          filtered
            ? {
                icon: <IconSearchOff size={28} stroke={1.5} />,
                title: t("followUps.noneTitle"),
                body: t("followUps.noneBody"),
                children: (
                  <Button
                    variant="default"
                    onClick={() => void navigate({ search: search.owner ? { owner: search.owner } : {} })}
                  >
                    {t("action.clear")}
                  </Button>
                ),
              }
            : {
                icon: <IconListCheck size={28} stroke={1.5} />,
                title: t("followUps.emptyTitle"),
                body: t("followUps.emptyBody"),
                children: make,
              }
        }
      >
        <FollowUpTable
          items={items}
          selected={selected}
          onSelect={select}
          onOpen={(x) => go({ id: x.id })}
          onEdit={(x) => setDialog({ kind: "edit", items: [x] })}
          onMove={(x) => setDialog({ kind: "move", items: [x] })}
          onAssign={(x) => setDialog({ kind: "assign", items: [x] })}
        />
      </ListFrame>
      <span className="visually-hidden" role="status">
        {list.data && t("followUps.shown", { count: items.length, n: f.number(items.length) })}
      </span>
      {search.id && (
        <FollowUpDetails
          id={search.id}
          onClose={() => go({ id: "" })}
          onEdit={(x) => setDialog({ kind: "edit", items: [x] })}
          onMove={(x) => setDialog({ kind: "move", items: [x] })}
        />
      )}
      <Suspense>
        {(dialog?.kind === "new" || dialog?.kind === "edit") && (
          <FollowUpDialog edit={dialog.kind === "edit" ? dialog.items[0] : undefined} onClose={() => setDialog(null)} />
        )}
      </Suspense>
      {dialog?.kind === "move" && (
        <MoveDialog items={dialog.items} onClose={() => setDialog(null)} onDone={() => setSelected(new Set())} />
      )}
      {dialog?.kind === "assign" && (
        <AssignDialog items={dialog.items} onClose={() => setDialog(null)} onDone={() => setSelected(new Set())} />
      )}
    </Page>
  );
}

interface FilterProps {
  search: FollowUpSearch;
  filter: (change: Change) => void;
}

/** Whose tells whose follow-ups are shown, how the day goes, and which of them are shown. */
function Whose({ search, home, filter }: FilterProps & { home: NonNullable<FollowUpSearch["owner"]> }) {
  const { t } = useTranslation();
  const f = useFormat();
  const { state: _, day: __, ...rest } = search;
  const { data } = useQuery(followUpCounts(query(rest, home)));
  const n = (x: number) => f.number(x) + (data?.more && x >= 1000 ? "+" : "");
  const counts = data && { overdue: data.overdue, today: data.today, later: data.later };
  const all = data ? data.done_today + data.overdue + data.today : 0;
  const words =
    data &&
    (all > 0 ? t("followUps.progress", { done: n(data.done_today), all: n(all) }) : t("followUps.progressNone"));
  return (
    <div className={styles.head}>
      <SegmentedControl
        aria-label={t("followUps.whose")}
        data={owners.map((o) => ({ value: o, label: t(`followUps.owners.${o}`) }))}
        value={search.owner ?? home}
        onChange={(o) => filter({ owner: o === home ? "" : (o as (typeof owners)[number]) })}
      />
      <div className={styles.progress}>
        <Text size="xs">{words ?? "\u00a0"}</Text>
        <Progress
          value={all > 0 && data ? (100 * data.done_today) / all : 0}
          aria-label={words || t("followUps.progressNone")}
        />
      </div>
      <nav className={styles.states} aria-label={t("followUps.stateFilter")}>
        {states.map((s) => (
          <UnstyledButton
            key={s}
            className={styles.stateLink}
            data-state={s}
            aria-pressed={(search.state ?? "open") === s}
            onClick={() => filter({ state: s === "open" ? "" : s })}
          >
            {t(`followUps.states.${s}`)}
            {counts && s in counts && (
              <span className={styles.count} data-none={counts[s as keyof typeof counts] === 0 || undefined}>
                {n(counts[s as keyof typeof counts])}
              </span>
            )}
          </UnstyledButton>
        ))}
      </nav>
    </div>
  );
}

function Filters({ search, filter }: FilterProps) {
  const { t } = useTranslation();
  const narrow = useMediaQuery("(max-width: 47.99em)", window.innerWidth < 768);
  const assign = useMay("follow_ups.assign");
  const agents = useQuery({ ...agentsQuery(), enabled: assign !== null, retry: false });
  const teams = useMyTeams(assign);
  const customer = useQuery({ ...customerQuery(search.customer ?? ""), enabled: search.customer !== undefined });
  const set = [search.kind, search.day, search.assignee, search.team, search.customer].filter(Boolean).length;
  const [open, setOpen] = useState(set > 0);
  const clearProps = { "aria-label": t("action.remove") };
  return (
    <div className={styles.filters}>
      <Group gap="sm" align="flex-end">
        <SearchField
          value={search.q ?? ""}
          onSearch={(q) => filter({ q })}
          placeholder={t("followUps.search")}
          aria-label={t("followUps.search")}
          flex={narrow ? 1 : undefined}
          w={narrow ? undefined : 320}
        />
        {narrow && (
          <Button
            variant="default"
            leftSection={<IconFilter size={16} />}
            onClick={() => setOpen(!open)}
            aria-expanded={open}
          >
            {t("followUps.filters")}
          </Button>
        )}
        {search.customer && (
          <Button
            variant="default"
            rightSection={<IconX size={14} />}
            onClick={() => filter({ customer: "" })}
            aria-label={`${t("action.remove")}: ${customer.data?.name ?? t("followUps.clearCustomer")}`}
          >
            {customer.data?.name ?? t("followUps.clearCustomer")}
          </Button>
        )}
        {(set > 0 || search.q) && (
          <Button
            variant="subtle"
            leftSection={<IconX size={16} />}
            onClick={() => filter({ kind: "", day: "", assignee: "", team: "", customer: "", q: "" } as Change)}
          >
            {t("action.clear")}
          </Button>
        )}
      </Group>
      <Collapse expanded={!narrow || open} flex={1}>
        <div className={styles.more}>
          {(!narrow || open) && (
            <Suspense fallback={<Skeleton h={58} />}>
              <DayPicker label={t("followUps.day")} value={search.day ?? ""} onChange={(day) => filter({ day })} />
            </Suspense>
          )}
          <Select
            label={t("followUps.kind")}
            placeholder={t("calls.any")}
            clearable
            clearButtonProps={clearProps}
            data={kinds.map((k) => ({ value: k, label: t(`followUps.kinds.${k}`) }))}
            value={search.kind ?? null}
            onChange={(v) => filter({ kind: (v ?? "") as FollowUpSearch["kind"] & string })}
          />
          {assign && (
            <Select
              label={t("calls.agent")}
              placeholder={t("calls.any")}
              clearable
              clearButtonProps={clearProps}
              searchable
              data={(agents.data?.items ?? []).map((a) => ({ value: a.id, label: a.name }))}
              value={search.assignee ?? null}
              onChange={(v) => filter({ assignee: v ?? "" })}
            />
          )}
          {(teams.length > 1 || search.team) && (
            <Select
              label={t("agents.team")}
              placeholder={t("calls.any")}
              clearable
              clearButtonProps={clearProps}
              data={teams.map((x) => ({ value: x.id, label: x.name }))}
              value={search.team ?? null}
              onChange={(v) => filter({ team: v ?? "" })}
            />
          )}
        </div>
      </Collapse>
    </div>
  );
}
