// How somebody stands: a dot whose shape tells too, a word, the reason of a pause, and since when.
import { useTranslation } from "react-i18next";
import type { AgentState } from "../api/types";
import { useNow } from "../app/clock";
import { Duration } from "../parts/text";

/** PresenceDot is the dot alone, for the eye. */
export function PresenceDot({ state }: { state: AgentState }) {
  return <span className="presence" data-state={state} aria-hidden />;
}

interface Props {
  state: AgentState;
  /** Of a pause. */
  reason?: string | null;
  since: string | null;
}

/** PresenceText is the word with the reason, and how long it has been so by the server's clock. */
export function PresenceText({ state, reason, since }: Props) {
  const { t } = useTranslation();
  const now = useNow(since ? 1000 : null);
  return (
    <span className="presence-text">
      <span>
        {t(`state.${state}`)}
        {reason && (
          <span className="reason">
            {t("states.colon")}
            <bdi>{reason}</bdi>
          </span>
        )}
      </span>
      {since && <Duration ms={now - Date.parse(since)} />}
    </span>
  );
}
