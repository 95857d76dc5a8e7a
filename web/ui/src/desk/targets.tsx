// To whom a call can be handed: a colleague, a queue or a number.
import { IconHash, IconUsersGroup } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Destinations, TransferInput } from "../api/types";
import { dialable } from "../dial/number";
import { Num } from "../parts/text";
import { PresenceDot, PresenceText } from "../states/presence";
import { reasonIn } from "../states/reason";
import { spaced } from "../text/digits";
import { useFormat } from "../text/use-format";
import { useSpoken } from "../text/use-spoken";
import styles from "./transfer.module.css";

export interface Target {
  key: string;
  name: string;
  to: Pick<TransferInput, "agent_id" | "queue_id" | "number">;
  /** A queue has nobody who could be asked first. */
  queue: boolean;
  line: ReactNode;
}

/** useTargets puts what was typed and what the server found in order: the number itself, colleagues, queues. */
export function useTargets(text: string, found: Destinations | undefined): Target[] {
  const { t } = useTranslation();
  const f = useFormat();
  const spoken = useSpoken();
  const out: Target[] = [];
  const number = dialable(text);
  const agents = found?.agents ?? [];
  // Of a colleague's extension there is more to tell than the number.
  if (number.length > 1 && !agents.some((a) => a.extension === number)) {
    out.push({
      key: "number",
      name: f.digits(spaced(number)),
      to: { number },
      queue: false,
      line: (
        <>
          <IconHash size={18} aria-hidden />
          <span className={styles.name}>
            {t("act.toNumber")} <Num value={number} />
          </span>
        </>
      ),
    });
  }
  for (const { agent, extension, state, reason, reason_en, since, away } of agents) {
    out.push({
      key: agent.id,
      name: agent.name,
      to: { agent_id: agent.id },
      queue: false,
      line: (
        <>
          <PresenceDot state={away ? "offline" : state} />
          <span className={styles.name}>
            <bdi>{agent.name}</bdi>{" "}
            <span className="quiet">
              <Num value={extension} plain />
            </span>
          </span>
          <span className="quiet">
            {away ? (
              t(away === "destination_offline" ? "act.phoneOff" : "act.away")
            ) : (
              <PresenceText
                state={state}
                reason={reasonIn({ label: reason, label_en: reason_en }, spoken)}
                since={since}
              />
            )}
          </span>
        </>
      ),
    });
  }
  for (const { id, label, name, waiting } of found?.queues ?? []) {
    const words =
      waiting === null ? t("act.waitingUnknown") : t("act.waiting", { count: waiting, n: f.number(waiting) });
    out.push({
      key: id,
      name: label || name,
      to: { queue_id: id },
      queue: true,
      line: (
        <>
          <IconUsersGroup size={18} aria-hidden />
          <span className={styles.name}>
            <bdi>{label || name}</bdi> <span className="quiet">{t("desk.queue")}</span>
          </span>
          <span className="quiet">{words}</span>
        </>
      ),
    });
  }
  return out;
}
