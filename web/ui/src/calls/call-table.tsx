import "../app/rest.css";
import { Table } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Call } from "../api/types";
import { now } from "../app/clock";
import { DirectionIcon, OutcomeText } from "../parts/outcome";
import { Duration, Moment, Num } from "../parts/text";

/** other is the number of the side that is not ours. */
export function other(c: Call): string {
  return c.direction === "outbound" ? c.dialed.number || c.dialed.raw : c.caller.number || c.caller.raw;
}

/** talkers are those who talked, or the queue, or nobody. */
function talkers(c: Call): string {
  const names = c.legs.filter((l) => l.role === "agent" && l.answered_at).map((l) => l.agent || l.extension);
  return [...new Set(names)].join("، ");
}

/** CallTable is a list of calls; a row leads to its call. */
export function CallTable({ calls, withoutCustomer }: { calls: Call[]; withoutCustomer?: boolean }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <Table className="table" aria-label={t("calls.title")}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("calls.started")}</Table.Th>
          {!withoutCustomer && <Table.Th>{t("calls.who")}</Table.Th>}
          <Table.Th>{t("calls.outcome")}</Table.Th>
          <Table.Th className="only-wide">{t("calls.queue")}</Table.Th>
          <Table.Th className="only-wide">{t("calls.agent")}</Table.Th>
          <Table.Th className="only-wide">{t("calls.waited")}</Table.Th>
          <Table.Th className="only-wide">{t("calls.talked")}</Table.Th>
          <Table.Th className="only-wide">{t("calls.note")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {calls.map((c) => (
          <Table.Tr key={c.id} data-link onClick={() => void navigate({ to: "/calls/$id", params: { id: c.id } })}>
            <Table.Td>
              <span className="outcome">
                <DirectionIcon direction={c.direction} />
                <Link to="/calls/$id" params={{ id: c.id }} className="row-link" onClick={(e) => e.stopPropagation()}>
                  <Moment at={c.started_at} />
                </Link>
              </span>
            </Table.Td>
            {!withoutCustomer && (
              <Table.Td>
                <Who call={c} />
              </Table.Td>
            )}
            <Table.Td>
              <OutcomeText outcome={c.outcome} />
            </Table.Td>
            <Table.Td className="only-wide">
              <bdi>{c.queue}</bdi>
            </Table.Td>
            <Table.Td className="only-wide">{talkers(c)}</Table.Td>
            <Table.Td className="only-wide">
              <Duration ms={c.wait_ms} />
            </Table.Td>
            <Table.Td className="only-wide">{c.talk_ms > 0 && <Duration ms={c.talk_ms} />}</Table.Td>
            <Table.Td className="only-wide">
              <div className="clip" dir="auto" title={c.note}>
                {c.note}
              </div>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Who({ call }: { call: Call }) {
  const { t } = useTranslation();
  const number = other(call);
  const name = call.customer?.name || (call.direction === "outbound" ? "" : call.caller.name);
  if (call.caller.withheld && call.direction !== "outbound") return <>{name || t("desk.withheld")}</>;
  if (!name) return number ? <Num value={number} /> : <>{t("desk.unknown")}</>;
  return (
    <div>
      <div>{name}</div>
      <div className="quiet">
        <Num value={number} />
      </div>
    </div>
  );
}

/** liveFor is how long a call has been going on by the server's clock. */
export function liveFor(c: Call): number {
  return (c.ended_at ? Date.parse(c.ended_at) : now()) - Date.parse(c.started_at);
}
