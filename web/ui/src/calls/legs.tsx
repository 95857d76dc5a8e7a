// A call's legs drawn on a time line, and the same as a table for who does not see it.
import "../app/rest.css";
import { Table } from "@mantine/core";
import { IconPhoneOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Call, Leg } from "../api/types";
import { useNow } from "../app/clock";
import { Hint } from "../parts/hint";
import { Duration, Num } from "../parts/text";
import { useFormat } from "../text/use-format";
import { other } from "./call-table";
import styles from "./calls.module.css";
import { timeline } from "./timeline";

function Party({ leg, call }: { leg: Leg; call: Call }) {
  const { t } = useTranslation();
  if (leg.role === "customer") {
    const number = other(call);
    if (call.customer) return <>{call.customer.name}</>;
    return number ? <Num value={number} /> : <>{t("desk.withheld")}</>;
  }
  return (
    <>
      {leg.agent || t("calls.extension", { n: "" })}{" "}
      <span className="quiet">
        <Num value={leg.extension} plain />
      </span>
    </>
  );
}

export function Legs({ call }: { call: Call }) {
  const { t } = useTranslation();
  const f = useFormat();
  const now = useNow(call.state === "ended" ? null : 1000);
  const line = timeline(call, now);
  return (
    <>
      <div className={styles.line} role="img" aria-label={t("calls.timeline")}>
        {line.lanes.map((lane) => (
          <div className={styles.lane} key={lane.id}>
            <div className={styles.party}>
              <Party leg={lane.leg} call={call} />
            </div>
            {/* Time runs as the language reads: from the right in Persian. */}
            <div className={styles.track}>
              {lane.spans.map((s) => (
                <Hint key={s.kind} label={`${t(`calls.${s.kind}`)} ${f.duration(s.ms)}`}>
                  <span
                    className={styles.span}
                    data-kind={s.kind}
                    style={{ insetInlineStart: `${s.from * 100}%`, width: `max(3px, ${s.width * 100}%)` }}
                  >
                    {s.width > 0.12 && (
                      <span className={styles.spanText}>
                        <bdi>{t(`calls.${s.kind}`)}</bdi> <bdi dir="ltr">{f.duration(s.ms)}</bdi>
                      </span>
                    )}
                  </span>
                </Hint>
              ))}
            </div>
            <div className={styles.how}>
              {lane.ended && <IconPhoneOff size={16} aria-hidden />}
              {lane.leg.end ? t(`end.${lane.leg.end}`) : t("outcome.live")}
            </div>
          </div>
        ))}
        <div className={styles.lane} aria-hidden>
          <div className={styles.party} />
          <div className={styles.ticks}>
            {line.ticks.map((x) => (
              <span key={x.ms} style={{ insetInlineStart: `${x.at * 100}%` }}>
                <bdi dir="ltr">{f.duration(x.ms)}</bdi>
              </span>
            ))}
          </div>
          <div className={styles.how} />
        </div>
      </div>
      <div className="visually-hidden">
        <Table aria-label={t("calls.legs")}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("calls.party")}</Table.Th>
              <Table.Th>{t("calls.offered")}</Table.Th>
              <Table.Th>{t("calls.answered")}</Table.Th>
              <Table.Th>{t("calls.ended")}</Table.Th>
              <Table.Th>{t("calls.talked")}</Table.Th>
              <Table.Th>{t("calls.how")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {line.lanes.map(({ leg }) => (
              <Table.Tr key={leg.id}>
                <Table.Td>
                  <Party leg={leg} call={call} />
                </Table.Td>
                <Table.Td>{f.timeWithSeconds(new Date(leg.offered_at))}</Table.Td>
                <Table.Td>{leg.answered_at && f.timeWithSeconds(new Date(leg.answered_at))}</Table.Td>
                <Table.Td>{leg.ended_at && f.timeWithSeconds(new Date(leg.ended_at))}</Table.Td>
                <Table.Td>
                  <Duration ms={leg.talk_ms} />
                </Table.Td>
                <Table.Td>{leg.end && t(`end.${leg.end}`)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </>
  );
}
