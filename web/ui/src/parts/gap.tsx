import { IconEarOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Gap } from "../api/types";
import { now } from "../app/clock";
import type { Format } from "../text/format";
import { useFormat } from "../text/use-format";

/** stretch writes from when to when a gap was, to the second, and the day where it is not today's. */
export function stretch(g: Gap, at: Date, f: Format): { from: string; to: string } {
  const from = new Date(g.from);
  const day = (x: Date, near: Date) => (f.dayKey(x) === f.dayKey(near) ? "" : `${f.date(x)} `);
  const write = (x: Date, near: Date) => `\u2068${day(x, near)}${f.timeWithSeconds(x)}\u2069`;
  return { from: write(from, at), to: g.to ? write(new Date(g.to), from) : "" };
}

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
