import { UnstyledButton } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Desk } from "../api/types";
import { saidOf } from "../app/attention";
import { useNow } from "../app/clock";
import { Duration } from "../parts/text";
import { useFormat } from "../text/use-format";
import styles from "./desk.module.css";
import { PhaseIcon } from "./phase-icon";
import { countsFrom } from "./pop";
import { change, inOrder, isLive } from "./store";

/** CallTabs shows all calls of the desk when there are several, the most urgent first. */
export function CallTabs({ desk, selected }: { desk: Desk; selected: string }) {
  const { t } = useTranslation();
  const f = useFormat();
  const now = useNow();
  return (
    <nav className={styles.tabs} aria-label={t("desk.calls")}>
      {inOrder(desk).map((p) => {
        const is = p.state;
        return (
          <UnstyledButton
            key={p.call.id}
            className={styles.tab}
            data-phase={is}
            aria-current={p.call.id === selected ? "true" : undefined}
            onClick={() => change({ type: "select", id: p.call.id })}
          >
            <PhaseIcon phase={is} size={18} />
            <span>
              <span className={styles.tabWho}>{saidOf(p, desk, t, f)}</span>
              <span className="quiet">
                {t(`phase.${is}`)} {isLive(is) && <Duration ms={now - Date.parse(countsFrom(p))} />}
              </span>
            </span>
          </UnstyledButton>
        );
      })}
    </nav>
  );
}
