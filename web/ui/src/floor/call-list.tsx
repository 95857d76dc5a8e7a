import { Table } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { FloorCall } from "../api/types";
import { DirectionIcon } from "../parts/outcome";
import { Num } from "../parts/text";
import { useFormat } from "../text/use-format";
import { Elapsed } from "./elapsed";
import styles from "./floor.module.css";

/** CallList is who waits and what is talked on; a row leads to its call, a name to its customer. */
export function CallList({ calls }: { calls: FloorCall[] }) {
  const { t } = useTranslation();
  const f = useFormat();
  return (
    <section className="panel flush" aria-labelledby="floor-calls">
      <header className={styles.head}>
        <h2 id="floor-calls">{t("floor.calls")}</h2>
        <span className="quiet">{t("floor.callsCount", { count: calls.length, n: f.number(calls.length) })}</span>
      </header>
      {calls.length === 0 ? (
        <p className={styles.none}>{t("floor.noCalls")}</p>
      ) : (
        <div className={styles.scroll}>
          <Table className="table" aria-labelledby="floor-calls">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("floor.state")}</Table.Th>
                <Table.Th>{t("calls.who")}</Table.Th>
                <Table.Th className="only-wide">{t("calls.queue")}</Table.Th>
                <Table.Th>{t("calls.agent")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {calls.map((c) => (
                <CallRow key={c.id ?? `${c.queue_id} ${c.position} ${c.since}`} call={c} />
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </section>
  );
}

function CallRow({ call: c }: { call: FloorCall }) {
  const { t } = useTranslation();
  const f = useFormat();
  const navigate = useNavigate();
  const { id } = c;
  const waits = c.waits_from !== null;
  const word = waits
    ? c.position === null
      ? t("floor.waits")
      : t("floor.waitsAt", { n: f.number(c.position) })
    : t(`floor.states.${c.state === "ended" ? "talking" : c.state}`);
  return (
    <Table.Tr
      data-state={waits ? "waiting" : c.state}
      {...(id ? { "data-link": true, onClick: () => void navigate({ to: "/calls/$id", params: { id } }) } : {})}
    >
      <Table.Td>
        <span className={styles.stand}>
          <DirectionIcon direction={c.direction} />
          <span>
            {id ? (
              <Link to="/calls/$id" params={{ id }} className="row-link" onClick={(e) => e.stopPropagation()}>
                {word}
              </Link>
            ) : (
              word
            )}
            <div>
              <Elapsed since={c.since} />
            </div>
          </span>
        </span>
      </Table.Td>
      <Table.Td>
        <Who call={c} />
      </Table.Td>
      <Table.Td className="only-wide">
        <bdi>{c.queue}</bdi>
      </Table.Td>
      <Table.Td>
        {c.agents.map((a) => (
          <div key={a.id} data-part={a.state}>
            <bdi>{a.name}</bdi>
            {a.state !== "talking" && <span className="quiet"> {t(`floor.states.${a.state}`)}</span>}
          </div>
        ))}
      </Table.Td>
    </Table.Tr>
  );
}

function Who({ call: c }: { call: FloorCall }) {
  const { t } = useTranslation();
  const name = c.customer ? (
    <Link to="/customers/$id" params={{ id: c.customer.id }} className="row-link" onClick={(e) => e.stopPropagation()}>
      <bdi>{c.customer.name}</bdi>
    </Link>
  ) : c.withheld ? (
    t("desk.withheld")
  ) : (
    <bdi>{c.name}</bdi>
  );
  return (
    <>
      {name}
      {c.number ? (
        <div className={c.customer || c.name ? "quiet" : undefined}>
          <Num value={c.number} />
        </div>
      ) : (
        !c.customer && !c.name && !c.withheld && t("desk.unknown")
      )}
    </>
  );
}
