// Figures of queues, which are the same on the page and on the wall.
import { IconAlertTriangle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { FloorCounts, FloorQueue, QueueToday } from "../api/types";
import { useFormat } from "../text/use-format";
import { Elapsed, useElapsed } from "./elapsed";
import styles from "./floor.module.css";

/** Longest is how long the first in the queue has waited; a mark says that the promise is broken. */
export function Longest({ since, seconds }: { since: string | null; seconds: number }) {
  if (!since) return <span className="quiet">–</span>;
  return <Waited since={since} seconds={seconds} />;
}

function Waited({ since, seconds }: { since: string; seconds: number }) {
  const { t } = useTranslation();
  const late = useElapsed(since) > seconds;
  return (
    <span className={late ? styles.late : styles.mark}>
      {late && <IconAlertTriangle size="1em" role="img" aria-label={t("floor.late")} />}
      <Elapsed since={since} />
    </span>
  );
}

/** Level is the service level of today, with a mark when it is below the target. */
export function Level({ today, percent }: { today: QueueToday | null; percent: number }) {
  const { t } = useTranslation();
  const f = useFormat();
  const level = today?.service_level ?? null;
  if (level === null) return <span className="quiet">–</span>;
  const below = level < percent;
  return (
    <span className={below ? styles.late : styles.mark}>
      {below && <IconAlertTriangle size="1em" role="img" aria-label={t("floor.below")} />}
      {t("floor.percent", { n: f.number(level) })}
    </span>
  );
}

/** Counts says who could take the calls. */
export function Counts({ agents }: { agents: FloorCounts | null }) {
  const { t } = useTranslation();
  const f = useFormat();
  if (!agents) return <span className="quiet">{t("queues.notKnown")}</span>;
  return (
    <span className={styles.counts}>
      {(["free", "busy", "paused"] as const).map((k) => (
        <span key={k} data-zero={agents[k] === 0 || undefined}>
          {t(`floor.counts.${k}`, { n: f.number(agents[k]) })}
        </span>
      ))}
    </span>
  );
}

/** Waiting is how many wait. */
export function Waiting({ queue: q }: { queue: Pick<FloorQueue, "waiting"> }) {
  const f = useFormat();
  return <span className={q.waiting > 0 ? styles.some : "quiet"}>{f.number(q.waiting)}</span>;
}
