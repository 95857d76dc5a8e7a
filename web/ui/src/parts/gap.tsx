import { IconEarOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Gap } from "../api/types";
import { now } from "../app/clock";
import { stretch } from "../text/stretch";
import { useFormat } from "../text/use-format";

/** GapText says when an exchange was not heard, and why. */
export function GapText({ gap }: { gap: Gap }) {
  const { t } = useTranslation();
  const f = useFormat();
  const words = {
    ...stretch(gap, new Date(now()), f),
    name: `\u2068${gap.pbx}\u2069`,
    why: t(`gaps.why.${gap.reason}`),
  };
  return (
    <span className="outcome quiet">
      <IconEarOff size={16} stroke={1.5} aria-hidden />
      <span>{t(gap.to ? "gaps.row" : "gaps.open", words)}</span>
    </span>
  );
}
