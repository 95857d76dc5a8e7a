// How a call stands or ended: an icon and a word, never colour alone.
import {
  IconArrowDownLeft,
  IconArrowsLeftRight,
  IconArrowUpRight,
  IconCircleCheck,
  IconCircleX,
  IconMicrophone,
  IconPhoneCall,
  IconPhoneOff,
  IconPhoneX,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Call, Direction, Outcome } from "../api/types";

const look: Record<Outcome, { tone: "good" | "bad" | "quiet"; icon: typeof IconPhoneOff }> = {
  answered: { tone: "good", icon: IconCircleCheck },
  missed: { tone: "bad", icon: IconPhoneX },
  abandoned: { tone: "bad", icon: IconPhoneOff },
  busy: { tone: "quiet", icon: IconCircleX },
  failed: { tone: "bad", icon: IconCircleX },
  voicemail: { tone: "quiet", icon: IconMicrophone },
  cancelled: { tone: "quiet", icon: IconPhoneOff },
};

/** endedBy is who hung up. "caller" means the customer in every call with one; where the agent dialled, that reads wrong. */
export function endedBy(direction: Direction, hangup: NonNullable<Call["hangup"]>) {
  return hangup.by === "caller" && direction === "outbound" ? "customer" : hangup.by;
}

export function OutcomeText({ outcome }: { outcome: Outcome | null }) {
  const { t } = useTranslation();
  if (!outcome) {
    return (
      <span className="outcome" data-tone="live">
        <IconPhoneCall size={16} aria-hidden />
        {t("outcome.live")}
      </span>
    );
  }
  const { tone, icon: Icon } = look[outcome];
  return (
    <span className="outcome" data-tone={tone}>
      <Icon size={16} aria-hidden />
      {t(`outcome.${outcome}`)}
    </span>
  );
}

const arrows = { inbound: IconArrowDownLeft, outbound: IconArrowUpRight, internal: IconArrowsLeftRight };

export function DirectionIcon({ direction }: { direction: Direction }) {
  const { t } = useTranslation();
  const Icon = arrows[direction];
  return (
    <Icon
      size={16}
      className="turn"
      role="img"
      aria-label={t(`direction.${direction}`)}
      title={t(`direction.${direction}`)}
    />
  );
}
