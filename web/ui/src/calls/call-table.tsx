import "../app/rest.css";
import { Table } from "@mantine/core";
import { IconArrowForwardUp } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { Fragment } from "react";
import { useTranslation } from "react-i18next";
import type { Call, Gap } from "../api/types";
import { now } from "../app/clock";
import { Callable } from "../dial/call-button";
import { GapText } from "../parts/gap";
import { Hint } from "../parts/hint";
import { DirectionIcon, OutcomeText } from "../parts/outcome";
import { Duration, Moment, Num } from "../parts/text";
import { useFormat } from "../text/use-format";
import styles from "./calls.module.css";
import { between } from "./gaps";
import { lastTalker } from "./timeline";

/** other is the number of the side that is not ours. */
export function other(c: Call): string {
  return c.direction === "outbound" ? c.dialed.number || c.dialed.raw : c.caller.number || c.caller.raw;
}

/** Answerer is the agent who talked last, with a mark for how often the call was transferred. */
function Answerer({ call }: { call: Call }) {
  const { t } = useTranslation();
  const f = useFormat();
  const last = lastTalker(call);
  const n = call.transfers.length;
  const words = t("calls.transferred", { count: n, n: f.number(n) });
  return (
    <>
      {last && (last.agent ? <bdi>{last.agent}</bdi> : <Num value={last.extension} plain />)}{" "}
      {n > 0 && (
        <Hint label={words}>
          <span className={styles.moved} role="img" aria-label={words} data-testid="transferred">
            <IconArrowForwardUp size={16} aria-hidden className="turn" />
            {f.number(n)}
          </span>
        </Hint>
      )}
    </>
  );
}

interface CallTableProps {
  /** Newest first, as gaps. */
  calls: Call[];
  /** When an exchange was not heard: told between the calls. */
  gaps?: Gap[];
  withoutCustomer?: boolean;
}

/** CallTable is a list of calls; a row leads to its call. */
export function CallTable({ calls, gaps = [], withoutCustomer }: CallTableProps) {
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
        {calls.map((c, i) => (
          <Fragment key={c.id}>
            <GapRows gaps={between(gaps, calls[i - 1], c)} />
            <Table.Tr data-link onClick={() => void navigate({ to: "/calls/$id", params: { id: c.id } })}>
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
                {c.disposition && (
                  <div className="quiet">
                    <bdi>{c.disposition.name}</bdi>
                  </div>
                )}
                <div className={styles.answerer}>
                  <Answerer call={c} />
                </div>
              </Table.Td>
              <Table.Td className="only-wide">
                <bdi>{c.queue_label}</bdi>
              </Table.Td>
              <Table.Td className="only-wide">
                <Answerer call={c} />
              </Table.Td>
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
          </Fragment>
        ))}
        <GapRows gaps={between(gaps, calls.at(-1), undefined)} />
      </Table.Tbody>
    </Table>
  );
}

function GapRows({ gaps }: { gaps: Gap[] }) {
  return gaps.map((g) => (
    <Table.Tr key={`${g.pbx} ${g.from}`} className="gap">
      <Table.Td colSpan={8}>
        <GapText gap={g} />
      </Table.Td>
    </Table.Tr>
  ));
}

function Who({ call }: { call: Call }) {
  const { t } = useTranslation();
  const number = other(call);
  const name = call.customer?.name || (call.direction === "outbound" ? "" : call.caller.name);
  if (call.caller.withheld && call.direction !== "outbound") return <>{name || t("desk.withheld")}</>;
  const callable = <Callable number={number} customer={call.customer?.id} call={call.id} />;
  if (!name) return number ? callable : t("desk.unknown");
  return (
    <div>
      <div>{name}</div>
      <div className="quiet">{callable}</div>
    </div>
  );
}

/** liveFor is how long a call has been going on by the server's clock. */
export function liveFor(c: Call): number {
  return (c.ended_at ? Date.parse(c.ended_at) : now()) - Date.parse(c.started_at);
}
