import { Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { PastCall } from "../api/types";
import { CallButton } from "../dial/call-button";
import { DirectionIcon, OutcomeText } from "../parts/outcome";
import { Duration, Moment } from "../parts/text";
import styles from "./desk.module.css";

interface Props {
  past: PastCall[];
  known: boolean;
  /** Whom a call to one of the numbers is for. */
  customer?: string | undefined;
}

/** History is what happened last with this customer or number. */
export function History({ past, known, customer }: Props) {
  const { t } = useTranslation();
  return (
    <section className="panel">
      <Title order={2} mb={8}>
        {t("desk.history")}
      </Title>
      {past.length === 0 ? (
        <Text c="dimmed" size="xs">
          {known ? t("desk.noHistory") : t("desk.unchecked")}
        </Text>
      ) : (
        <ol className={styles.history}>
          {past.map((c) => (
            <li key={c.id} className={styles.pastRow}>
              <Link to="/calls/$id" params={{ id: c.id }} className={styles.past}>
                <span className={styles.pastHead}>
                  <DirectionIcon direction={c.direction} />
                  <OutcomeText outcome={c.outcome} />
                  {c.talk_ms > 0 && (
                    <span className="quiet">
                      <Duration ms={c.talk_ms} />
                    </span>
                  )}
                  <span className={`quiet ${styles.pastWhen}`}>
                    <Moment at={c.started_at} />
                  </span>
                </span>
                {c.note && (
                  <span className={styles.pastNote} dir="auto">
                    {c.note}
                  </span>
                )}
                {c.agent && <span className="quiet">{c.agent}</span>}
              </Link>
              <CallButton number={c.number} customer={customer} call={c.id} />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
