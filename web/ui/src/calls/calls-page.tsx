import "../app/rest.css";
import { Button, Collapse, Group, Select, Skeleton, TextInput } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconFilter, IconPhoneCall, IconSearchOff, IconX } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  agents as agentsQuery,
  calls as callsQuery,
  customer as customerQuery,
  dispositions as dispositionsQuery,
  gaps as gapsQuery,
  queryClient,
  queues as queuesQuery,
} from "../api/queries";
import type { Call, Gap, GapQuery } from "../api/types";
import { useDesk } from "../desk/store";
import { CustomerPicker } from "../parts/customer-picker";
import { ListFrame } from "../parts/list-panel";
import { Page } from "../parts/page";
import { SearchField } from "../parts/search-field";
import { useFormat } from "../text/use-format";
import { CallTable } from "./call-table";
import styles from "./calls.module.css";
import { ExportButton } from "./export-button";
import {
  type CallSearch,
  directions,
  filters,
  isoDay,
  outcomes,
  periodDays,
  periodOf,
  periods,
  query,
  written,
} from "./search";
import { ViewBar } from "./view-bar";

const DayPicker = lazy(async () => ({ default: (await import("./day-picker")).DayPicker }));

export function CallsPage() {
  const { t } = useTranslation();
  const f = useFormat();
  const search = useSearch({ from: "/inside/calls" });
  const navigate = useNavigate({ from: "/calls" });
  const list = useInfiniteQuery(callsQuery(query(search)));
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const filter = useCallback(
    (change: { [K in keyof CallSearch]?: CallSearch[K] | "" }) =>
      void navigate({
        search: (s) => Object.fromEntries(Object.entries({ ...s, ...change }).filter(([, v]) => v)) as CallSearch,
        replace: true,
      }),
    [navigate],
  );
  const filtered = written(search) !== "";
  const gaps = useGaps(search, items, list.hasNextPage);
  useFreshCalls();

  return (
    <Page title={t("calls.title")} name={t("calls.title")} actions={<ExportButton query={query(search)} />}>
      <ViewBar search={search} />
      <Filters search={search} filter={filter} clear={() => void navigate({ search: {}, replace: true })} />
      <ListFrame
        list={list}
        none={items.length === 0 && gaps.length === 0}
        empty={
          filtered
            ? {
                icon: <IconSearchOff size={28} stroke={1.5} />,
                title: t("calls.noneTitle"),
                body: t("calls.noneBody"),
                children: (
                  <Button variant="default" onClick={() => void navigate({ search: {} })}>
                    {t("action.clear")}
                  </Button>
                ),
              }
            : {
                icon: <IconPhoneCall size={28} stroke={1.5} />,
                title: t("calls.emptyTitle"),
                body: t("calls.emptyBody"),
              }
        }
      >
        <CallTable calls={items} gaps={gaps} />
      </ListFrame>
      <span className="visually-hidden" role="status">
        {list.data && t("calls.shown", { count: items.length, n: f.number(items.length) })}
      </span>
    </Page>
  );
}

/** useGaps are the gaps among the calls that are shown. A filter by anything but the time would hide them in any case. */
function useGaps(search: CallSearch, shown: Call[], more: boolean): Gap[] {
  const { from, to, ...others } = filters(search);
  const asked: GapQuery = query({ ...(from ? { from } : {}), ...(to ? { to } : {}) });
  const oldest = shown.at(-1);
  if (more && oldest) asked.from = oldest.started_at;
  const wanted = Object.keys(others).length === 0;
  const { data } = useQuery({ ...gapsQuery(asked), enabled: wanted, retry: false });
  return wanted ? (data?.items ?? []) : [];
}

/** A call of this desk that ends is a new row: the list is asked for again. */
function useFreshCalls() {
  const { desk } = useDesk();
  const ended = desk?.calls.map((p) => `${p.call.id}${p.call.state}`).join() ?? "";
  useEffect(() => {
    if (ended) void queryClient.invalidateQueries({ queryKey: ["calls"] });
  }, [ended]);
}

type Period = keyof typeof periods;

interface FiltersProps {
  search: CallSearch;
  filter: (change: { [K in keyof CallSearch]?: CallSearch[K] | "" }) => void;
  clear: () => void;
}

function Filters({ search, filter, clear }: FiltersProps) {
  const { t } = useTranslation();
  const narrow = useMediaQuery("(max-width: 47.99em)", window.innerWidth < 768);
  const set = Object.keys(filters(search)).filter((k) => k !== "q").length;
  const [open, setOpen] = useState(set > 0);
  const agents = useQuery({ ...agentsQuery(), retry: false });
  const customer = useQuery({ ...customerQuery(search.customer ?? ""), enabled: search.customer !== undefined });
  const said = useQuery(dispositionsQuery()).data?.items ?? [];
  const clearProps = { "aria-label": t("action.remove") };
  return (
    <div className={styles.filters}>
      <Group gap="sm" align="flex-end">
        <SearchField
          value={search.q ?? ""}
          onSearch={(q) => filter({ q })}
          placeholder={t("calls.q")}
          aria-label={t("calls.q")}
          flex={narrow ? 1 : undefined}
          w={narrow ? undefined : 380}
        />
        {!narrow && <PeriodFilter search={search} onSet={filter} />}
        {narrow && (
          <Button
            variant="default"
            leftSection={<IconFilter size={16} />}
            onClick={() => setOpen(!open)}
            aria-expanded={open}
          >
            {t("calls.filters")}
          </Button>
        )}
        {(set > 0 || search.q) && (
          <Button variant="subtle" leftSection={<IconX size={16} />} onClick={clear}>
            {t("action.clear")}
          </Button>
        )}
      </Group>
      <Collapse expanded={!narrow || open}>
        <div className={styles.more}>
          {(!narrow || open) && (
            <>
              {narrow && <PeriodFilter search={search} onSet={filter} />}
              <Suspense fallback={<Skeleton h={58} />}>
                <DayPicker
                  label={t("calls.from")}
                  value={isoDay(search.from ?? "")}
                  onChange={(from) => filter({ from })}
                />
              </Suspense>
              <Suspense fallback={<Skeleton h={58} />}>
                <DayPicker label={t("calls.to")} value={isoDay(search.to ?? "")} onChange={(to) => filter({ to })} />
              </Suspense>
            </>
          )}
          <Select
            label={t("calls.direction")}
            placeholder={t("calls.any")}
            clearable
            clearButtonProps={clearProps}
            data={directions.map((d) => ({ value: d, label: t(`direction.${d}`) }))}
            value={search.direction ?? null}
            onChange={(v) => filter({ direction: (v ?? "") as CallSearch["direction"] & string })}
          />
          <Select
            label={t("calls.outcome")}
            placeholder={t("calls.any")}
            clearable
            clearButtonProps={clearProps}
            data={outcomes.map((o) => ({ value: o, label: t(`outcome.${o}`) }))}
            value={search.outcome ?? null}
            onChange={(v) => filter({ outcome: (v ?? "") as CallSearch["outcome"] & string })}
          />
          {(said.length > 0 || search.disposition) && (
            <Select
              label={t("desk.disposition")}
              placeholder={t("calls.any")}
              clearable
              clearButtonProps={clearProps}
              searchable
              data={said.map((d) => ({ value: d.id, label: d.name }))}
              value={search.disposition ?? null}
              onChange={(v) => filter({ disposition: v ?? "" })}
            />
          )}
          {agents.data && (
            <Select
              label={t("calls.agent")}
              placeholder={t("calls.any")}
              clearable
              clearButtonProps={clearProps}
              searchable
              data={agents.data.items.map((a) => ({ value: a.id, label: a.name }))}
              value={search.agent ?? null}
              onChange={(v) => filter({ agent: v ?? "" })}
            />
          )}
          <QueueFilter value={search.queue ?? ""} onSet={(queue) => filter({ queue })} />
          <Typed label={t("calls.number")} value={search.number ?? ""} onSet={(number) => filter({ number })} ltr />
          <CustomerPicker
            key={`${search.customer}${customer.data?.name ?? ""}`}
            label={t("calls.customer")}
            placeholder={t("calls.any")}
            value={search.customer ? { id: search.customer, name: customer.data?.name ?? "" } : null}
            onPick={(c) => filter({ customer: c?.id ?? "" })}
          />
        </div>
      </Collapse>
    </div>
  );
}

/** PeriodFilter offers days that go on with the calendar: a view that is saved with them is of the last days whenever it is opened. */
function PeriodFilter({ search, onSet }: { search: CallSearch; onSet: FiltersProps["filter"] }) {
  const { t } = useTranslation();
  const f = useFormat();
  return (
    <Select
      aria-label={t("calls.period")}
      placeholder={t("calls.period")}
      maw={170}
      clearable
      clearButtonProps={{ "aria-label": t("action.remove") }}
      data={Object.keys(periods).map((p) => ({
        value: p,
        label: t(`calls.periods.${p as Period}`, { n: f.number(periodDays[p as Period]) }),
      }))}
      value={periodOf(search)}
      onChange={(p) => onSet({ from: "", to: "", ...(p ? periods[p as Period] : {}) })}
    />
  );
}

/** QueueFilter offers the queues by what people call them; an address may also have one by the exchange's name. */
function QueueFilter({ value, onSet }: { value: string; onSet: (v: string) => void }) {
  const { t } = useTranslation();
  const { data } = useQuery({ ...queuesQuery(), retry: false });
  const items = data?.items ?? [];
  const twice = (label: string) => items.filter((q) => q.label === label).length > 1;
  const options = items.map((q) => ({ value: q.id, label: twice(q.label) ? `${q.label} · ${q.pbx}` : q.label }));
  const named = items.filter((q) => q.name.toLowerCase() === value.toLowerCase());
  const chosen = named.length === 1 ? (named[0]?.id ?? value) : value;
  if (chosen && !options.some((o) => o.value === chosen)) options.push({ value: chosen, label: chosen });
  return (
    <Select
      label={t("calls.queue")}
      placeholder={t("calls.any")}
      clearable
      clearButtonProps={{ "aria-label": t("action.remove") }}
      searchable
      nothingFoundMessage={t("calls.noneTitle")}
      data={options}
      value={chosen || null}
      onChange={(v) => onSet(v ?? "")}
    />
  );
}

/** Typed is a text filter that takes effect on Enter and on leaving it. */
function Typed({
  label,
  value,
  onSet,
  ltr,
}: {
  label: string;
  value: string;
  onSet: (v: string) => void;
  ltr?: boolean;
}) {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const set = () => text.trim() !== value && onSet(text.trim());
  return (
    <TextInput
      label={label}
      placeholder={t("calls.any")}
      autoComplete="off"
      value={text}
      onChange={(e) => setText(e.currentTarget.value)}
      onBlur={set}
      onKeyDown={(e) => e.key === "Enter" && set()}
      {...(ltr && text ? { dir: "ltr" } : {})}
    />
  );
}
