import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { missedCount } from "../api/queries";
import { useFormat } from "../text/use-format";

/** MissedCount is how many wait to be called back, beside the page's name; nothing where nobody does. */
export function MissedCount() {
  const { t } = useTranslation();
  const f = useFormat();
  const n = useQuery(missedCount).data;
  if (!n || n.count === 0) return null;
  const text = f.number(n.count) + (n.more ? "+" : "");
  return (
    <span className="nav-count" title={t("nav.missedWaiting", { n: text })}>
      <bdi dir="ltr">{text}</bdi>
    </span>
  );
}
