// Who called, was not answered, and has not been talked to since: oldest first, one row for each customer.
import "../app/rest.css";
import { Button, Group, Select, Table, Text } from "@mantine/core";
import { IconCheck, IconHandGrab, IconMoodCheck, IconPhone } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { Problem } from "../api/problem";
import { missed as missedQuery, queryClient, queues, teams } from "../api/queries";
import { sayWhyNot } from "../api/refusal";
import type { Missed } from "../api/types";
import { ariaKeys, label } from "../app/keymap";
import { useMay } from "../app/may";
import { current } from "../app/session";
import { useKeys } from "../app/use-keys";
import { dial } from "../dial/attempt";
import { Progress, useDialBlock } from "../dial/call-button";
import { dialable, isDialable } from "../dial/number";
import { FollowUpTabs } from "../followups/tabs";
import { Hint } from "../parts/hint";
import { ListPanel } from "../parts/list-panel";
import { complain, notice } from "../parts/notice";
import { Page } from "../parts/page";
import { Duration, Moment, Num } from "../parts/text";
import { offerUndo } from "../parts/undo";
import { useFormat } from "../text/use-format";
import { useChosen } from "./chosen";
import styles from "./missed.module.css";

export interface MissedSearch {
  queue?: string;
  team?: string;
  claimed?: "true" | "false";
}

const place = "missed";
const again = () => queryClient.invalidateQueries({ queryKey: ["missed"] });
const nameOf = (m: Missed) => m.customer?.name || m.name || `\u2066${m.number || m.number_raw}\u2069`;

export function MissedPage() {
  const { t } = useTranslation();
  const f = useFormat();
  const search = useSearch({ from: "/inside/missed" });
  const navigate = useNavigate({ from: "/missed" });
  const list = useInfiniteQuery(missedQuery(search));
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const allQueues = useQuery(queues({})).data?.items ?? [];
  const allTeams = useQuery(teams).data?.items ?? [];
  const { row, choose, beside } = useChosen(items);
  const me = current()?.agentID;
  const mayDial = useMay("calls.dial") !== null;
  const mayTake = useMay("missed.read") !== "own";
  const block = useDialBlock();

  const act = useMutation({
    mutationFn: ({ m, what }: { m: Missed; what: "claim" | "release" | "done" | "reopen" }) =>
      got(api.POST(`/api/v1/missed/{id}/${what}`, { params: { path: { id: m.id } } })),
    onSuccess: (_, { m, what }) => {
      if (what === "done") {
        void offerUndo(t("missed.doneDone", { name: nameOf(m) }), () => act.mutate({ m, what: "reopen" }));
      }
    },
    onError: (e) => {
      if (e instanceof Problem && e.who) notice(t("missed.taken", { name: e.who }));
      else complain(e);
    },
    onSettled: () => void again(),
  });
  const others = (m: Missed) => m.claimed_by !== null && m.claimed_by.id !== me;
  const callBack = (m: Missed) => {
    if (!mayDial || !isDialable(m.number)) return;
    if (block) return notice(sayWhyNot(block, t));
    const go = () => dial(place, { number: dialable(m.number), customer: m.customer?.id });
    if (m.claimed_by?.id === me) go();
    else act.mutate({ m, what: "claim" }, { onSuccess: go });
  };
  /** step takes the focus along, so that the row is read out; who steps on from a row that goes is not lost with it. */
  const step = (by: 1 | -1) => {
    const next = beside(by);
    if (next) document.getElementById(`missed-${next.id}`)?.focus();
    return next;
  };
  const done = (m: Missed) => {
    if (m.id === row?.id) step(1) ?? step(-1);
    act.mutate({ m, what: "done" });
  };
  useKeys({
    next: () => step(1),
    previous: () => step(-1),
    dial: () => row && !others(row) && callBack(row),
    attach: () => row && act.mutate({ m: row, what: row.claimed_by?.id === me ? "release" : "claim" }),
    dismiss: () => row && (!others(row) || mayTake) && done(row),
    open: () => row?.customer && void navigate({ to: "/customers/$id", params: { id: row.customer.id } }),
  });
  const filter = (change: MissedSearch | { [K in keyof MissedSearch]: "" }) =>
    void navigate({
      search: (s) => Object.fromEntries(Object.entries({ ...s, ...change }).filter(([, v]) => v)) as MissedSearch,
      replace: true,
    });
  const filtered = Object.keys(search).length > 0;

  return (
    <Page title={t("missed.title")} name={t("missed.title")}>
      <FollowUpTabs />
      <Text c="dimmed" maw={760} mb="sm">
        {t("missed.body")}
      </Text>
      <Progress place={place} />
      <ListPanel
        list={list}
        items={items}
        label={t("missed.title")}
        bar={
          <Group gap="sm" className={styles.filters}>
            <Select
              aria-label={t("calls.queue")}
              placeholder={t("calls.queue")}
              clearable
              clearButtonProps={{ "aria-label": t("action.clear") }}
              data={allQueues.map((q) => ({ value: q.id, label: q.label }))}
              value={search.queue ?? null}
              onChange={(v) => filter({ queue: v ?? "" })}
            />
            {mayTake && (
              <Select
                aria-label={t("agents.team")}
                placeholder={t("agents.team")}
                clearable
                clearButtonProps={{ "aria-label": t("action.clear") }}
                data={allTeams.map((x) => ({ value: x.id, label: x.name }))}
                value={search.team ?? null}
                onChange={(v) => filter({ team: v ?? "" })}
              />
            )}
            <Select
              aria-label={t("missed.inHand")}
              allowDeselect={false}
              data={[
                { value: "", label: t("missed.all") },
                { value: "false", label: t("missed.free") },
                { value: "true", label: t("missed.claimed") },
              ]}
              value={search.claimed ?? ""}
              onChange={(v) => filter({ claimed: (v ?? "") as "" })}
            />
          </Group>
        }
        empty={{
          icon: <IconMoodCheck size={28} stroke={1.5} />,
          title: t(filtered ? "missed.noneTitle" : "missed.emptyTitle"),
          body: t(filtered ? "missed.noneBody" : "missed.emptyBody"),
          children: filtered && (
            <Button variant="default" mt="sm" onClick={() => void navigate({ search: {} })}>
              {t("action.clear")}
            </Button>
          ),
        }}
        head={
          <>
            <Table.Th>{t("missed.who")}</Table.Th>
            <Table.Th>{t("missed.first")}</Table.Th>
            <Table.Th className="only-wide">{t("missed.last")}</Table.Th>
            <Table.Th className="only-wide">{t("calls.queue")}</Table.Th>
            <Table.Th className="only-wide">{t("missed.wait")}</Table.Th>
            <Table.Th aria-label={t("missed.inHand")} />
          </>
        }
        row={(m) => (
          <Table.Tr
            key={m.id}
            id={`missed-${m.id}`}
            className={styles.row}
            data-chosen={m.id === row?.id || undefined}
            aria-current={m.id === row?.id || undefined}
            tabIndex={-1}
            onFocus={() => choose(m.id)}
          >
            <Table.Td>
              {m.customer ? (
                <Link to="/customers/$id" params={{ id: m.customer.id }} className="row-link">
                  <bdi>{m.customer.name}</bdi>
                </Link>
              ) : (
                m.name && <bdi>{m.name}</bdi>
              )}
              <div className={m.customer || m.name ? "quiet" : undefined}>
                {m.number ? <Num value={m.number} /> : t("desk.withheld")}
                {m.calls > 1 && <> · {t("missed.times", { count: m.calls, n: f.number(m.calls) })}</>}
              </div>
            </Table.Td>
            <Table.Td>
              <Moment at={m.first_at} />
            </Table.Td>
            <Table.Td className="only-wide">
              <Link to="/calls/$id" params={{ id: m.last_call_id }} className="row-link">
                <Moment at={m.last_at} />
              </Link>
            </Table.Td>
            <Table.Td className="only-wide">{m.queue_label ? <bdi>{m.queue_label}</bdi> : t("desk.direct")}</Table.Td>
            <Table.Td className="only-wide">
              <Duration ms={m.longest_wait_ms} />
            </Table.Td>
            <Table.Td>
              <Group gap="xs" justify="flex-end" className={styles.acts}>
                {m.claimed_by && (
                  <span className="quiet">
                    {m.claimed_by.id === me ? t("missed.mine") : t("missed.by", { name: m.claimed_by.name })}
                  </span>
                )}
                {mayDial && isDialable(m.number) && !others(m) && (
                  <Hint
                    label={block ? sayWhyNot(block, t) : `${t("dial.callBack")} (${label("dial")})`}
                    multiline
                    maw={320}
                  >
                    <Button
                      size="compact-sm"
                      variant={m.id === row?.id ? "filled" : "default"}
                      leftSection={<IconPhone size={16} aria-hidden />}
                      {...(block ? { "aria-disabled": true, "data-disabled": true } : {})}
                      onClick={() => callBack(m)}
                      aria-label={`${t("dial.callBack")}: ${nameOf(m)}`}
                      aria-keyshortcuts={ariaKeys("dial")}
                    >
                      {t("dial.callBack")}
                    </Button>
                  </Hint>
                )}
                {(!others(m) || mayTake) && (
                  <>
                    <Button
                      size="compact-sm"
                      variant="default"
                      leftSection={<IconHandGrab size={16} aria-hidden />}
                      onClick={() => act.mutate({ m, what: m.claimed_by ? "release" : "claim" })}
                      aria-keyshortcuts={ariaKeys("attach")}
                      aria-label={`${t(m.claimed_by ? "missed.release" : "missed.claim")}: ${nameOf(m)}`}
                    >
                      {t(m.claimed_by ? "missed.release" : "missed.claim")}
                    </Button>
                    <Button
                      size="compact-sm"
                      variant="default"
                      leftSection={<IconCheck size={16} aria-hidden />}
                      onClick={() => done(m)}
                      aria-keyshortcuts={ariaKeys("dismiss")}
                      aria-label={`${t("missed.done")}: ${nameOf(m)}`}
                    >
                      {t("missed.done")}
                    </Button>
                  </>
                )}
              </Group>
            </Table.Td>
          </Table.Tr>
        )}
        foot={
          <Text size="xs" c="dimmed" px="md" pt="xs" visibleFrom="sm">
            {t("missed.keys")}
          </Text>
        }
      />
    </Page>
  );
}
