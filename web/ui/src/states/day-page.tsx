// What somebody did on a day: how long in which state, drawn and as a list.
import "../app/rest.css";
import { Table, Title } from "@mantine/core";
import { IconCalendarTime, IconPhoneCall } from "@tabler/icons-react";
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { agent as agentQuery, dayStates, me as meQuery } from "../api/queries";
import type { AgentState, StateStretch } from "../api/types";
import { now, useNow } from "../app/clock";
import { DayPicker } from "../calls/day-picker";
import { dayStart } from "../calls/search";
import { Page } from "../parts/page";
import { Empty, Failed, Loading } from "../parts/states";
import { Duration } from "../parts/text";
import { useFormat } from "../text/use-format";
import { useSpoken } from "../text/use-spoken";
import styles from "./day.module.css";
import { PresenceDot } from "./presence";
import { reasonIn } from "./reason";

const order: AgentState[] = ["available", "ringing", "talking", "wrap_up", "paused", "offline"];

export function DayPage() {
  const { t } = useTranslation();
  const f = useFormat();
  const search = useSearch({ from: "/inside/day" });
  const navigate = useNavigate({ from: "/day" });
  const me = useSuspenseQuery(meQuery).data.agent;
  const id = search.agent ?? me.id;
  const other = useQuery({ ...agentQuery(id), enabled: id !== me.id }).data;
  const today = f.dayKey(new Date(now()));
  const day = search.day ?? today;
  const list = useQuery(dayStates(id, dayStart(day, 0).toISOString(), dayStart(day, 1).toISOString(), day === today));
  const title = id === me.id ? t("states.dayTitle") : t("states.dayOf", { name: other?.name ?? "" });
  const items = list.data ?? [];

  return (
    <Page
      title={title}
      name={title}
      actions={
        <DayPicker
          label={t("states.day")}
          value={day}
          onChange={(v) =>
            void navigate({ search: { ...(search.agent ? { agent: search.agent } : {}), ...(v ? { day: v } : {}) } })
          }
        />
      }
    >
      {list.isPending ? (
        <Loading />
      ) : list.isError && items.length === 0 ? (
        <Failed error={list.error} retry={() => void list.refetch()} />
      ) : items.length === 0 ? (
        <div className="panel">
          <Empty
            icon={<IconCalendarTime size={28} stroke={1.5} />}
            title={t("states.emptyTitle")}
            body={t("states.emptyBody")}
          />
        </div>
      ) : (
        <Day items={items} />
      )}
    </Page>
  );
}

/** lasted is how long a stretch has lasted by now; one that goes on still grows. */
const lasted = (s: StateStretch, at: number) => (s.to ? s.duration_ms : at - Date.parse(s.from));

function Day({ items }: { items: StateStretch[] }) {
  const { t } = useTranslation();
  const f = useFormat();
  const spoken = useSpoken();
  const at = useNow(items.some((s) => s.to === null) ? 1000 : null);
  const from = Date.parse(items.at(-1)?.from ?? "");
  const to = items[0]?.to ? Date.parse(items[0].to) : at;
  const share = (ms: number) => `${(100 * ms) / Math.max(1, to - from)}%`;
  const time = (x: string) => (
    <bdi dir="ltr" className="num">
      {f.timeWithSeconds(new Date(x))}
    </bdi>
  );
  const total = (state: AgentState) => items.filter((s) => s.state === state).reduce((ms, s) => ms + lasted(s, at), 0);

  return (
    <>
      <section className="panel">
        <Title order={2} mb={8}>
          {t("states.total")}
        </Title>
        <div className={styles.line} aria-hidden>
          {items.map((s) => (
            <span
              key={s.from}
              data-state={s.state}
              style={{ insetInlineStart: share(Date.parse(s.from) - from), width: share(lasted(s, at)) }}
            />
          ))}
        </div>
        <p className={styles.ends} aria-hidden>
          {time(new Date(from).toISOString())}
          {time(new Date(to).toISOString())}
        </p>
        <dl className="facts">
          {order
            .filter((state) => items.some((s) => s.state === state))
            .map((state) => (
              <div key={state}>
                <dt className={styles.word}>
                  <PresenceDot state={state} /> {t(`state.${state}`)}
                </dt>
                <dd>
                  <Duration ms={total(state)} />
                </dd>
              </div>
            ))}
        </dl>
      </section>
      <section className="panel flush" style={{ marginTop: 16 }}>
        <Table className="table" aria-label={t("states.history")}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("states.state")}</Table.Th>
              <Table.Th>{t("states.from")}</Table.Th>
              <Table.Th className="only-wide">{t("states.to")}</Table.Th>
              <Table.Th>{t("states.lasted")}</Table.Th>
              <Table.Th className="only-wide">{t("states.who")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {items.map((s) => (
              <Table.Tr key={s.from}>
                <Table.Td>
                  <span className={styles.word}>
                    <PresenceDot state={s.state} />
                    <span>
                      {t(`state.${s.state}`)}
                      {s.reason && (
                        <>
                          {t("states.colon")}
                          <bdi>{reasonIn({ label: s.reason, label_en: s.reason_en }, spoken)}</bdi>
                        </>
                      )}
                    </span>
                  </span>
                </Table.Td>
                <Table.Td>{time(s.from)}</Table.Td>
                <Table.Td className="only-wide">{s.to ? time(s.to) : t("states.now")}</Table.Td>
                <Table.Td>
                  <Duration ms={lasted(s, at)} />
                </Table.Td>
                <Table.Td className="only-wide">
                  {s.call_id ? (
                    <Link to="/calls/$id" params={{ id: s.call_id }} className="outcome row-link">
                      <IconPhoneCall size={16} aria-hidden /> {t("calls.one")}
                    </Link>
                  ) : (
                    s.by && <span className="quiet">{t(`states.by.${s.by}`)}</span>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </section>
    </>
  );
}
