import { Table } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Floor } from "../api/types";
import { Duration, Moment } from "../parts/text";
import { useFormat } from "../text/use-format";
import { Counts, Level, Longest, Waiting } from "./figures";
import styles from "./floor.module.css";

/** QueueTable is the queues with who waits and the figures of the day; a name leads to the queue's calls of the floor. */
export function QueueTable({ floor, chosen }: { floor: Floor; chosen: string | undefined }) {
  const { t } = useTranslation();
  const f = useFormat();
  const several = new Set(floor.queues.map((q) => q.pbx)).size > 1;
  return (
    <section className="panel flush" aria-labelledby="floor-queues">
      <header className={styles.head}>
        <h2 id="floor-queues">{t("floor.queues")}</h2>
        <span className="quiet">
          {floor.day ? (
            <>
              {t("floor.dayAt")} <Moment at={floor.day.at} />
            </>
          ) : (
            t("floor.dayLater")
          )}
        </span>
      </header>
      {floor.queues.length === 0 ? (
        <p className={styles.none}>{t("floor.noQueues")}</p>
      ) : (
        <div className={styles.scroll}>
          <Table className="table" aria-labelledby="floor-queues">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("queues.queue")}</Table.Th>
                <Table.Th>{t("floor.waiting")}</Table.Th>
                <Table.Th>{t("floor.longest")}</Table.Th>
                <Table.Th className="only-wide">{t("floor.agents")}</Table.Th>
                <Table.Th className="only-wide">{t("floor.offered")}</Table.Th>
                <Table.Th className="only-wide">{t("floor.answered")}</Table.Th>
                <Table.Th className="only-wide">{t("floor.abandoned")}</Table.Th>
                <Table.Th>{t("floor.level")}</Table.Th>
                <Table.Th className="only-wide">{t("floor.average")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {floor.queues.map((q) => (
                <Table.Tr key={q.id} data-queue={q.label} data-waiting={q.waiting || undefined}>
                  <Table.Td>
                    <Link
                      to="/floor"
                      search={(s) =>
                        q.id === chosen ? { ...(s.team ? { team: s.team } : {}) } : { ...s, queue: q.id }
                      }
                      className="row-link"
                    >
                      <bdi>{q.label}</bdi>
                    </Link>
                    {several && (
                      <div className="quiet">
                        <bdi>{q.pbx}</bdi>
                      </div>
                    )}
                  </Table.Td>
                  <Table.Td>
                    <Waiting queue={q} />
                  </Table.Td>
                  <Table.Td>
                    <Longest since={q.longest_since} seconds={q.target.seconds} />
                  </Table.Td>
                  <Table.Td className="only-wide">
                    <Counts agents={q.agents} />
                  </Table.Td>
                  <Table.Td className="only-wide">{q.today && f.number(q.today.offered)}</Table.Td>
                  <Table.Td className="only-wide">{q.today && f.number(q.today.answered)}</Table.Td>
                  <Table.Td className="only-wide">{q.today && f.number(q.today.abandoned)}</Table.Td>
                  <Table.Td>
                    <Level today={q.today} percent={q.target.percent} />
                  </Table.Td>
                  <Table.Td className="only-wide">
                    {q.today && q.today.average_wait_ms > 0 && <Duration ms={q.today.average_wait_ms} />}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </section>
  );
}
