// One follow-up in a few words: what, whom, when, and how it stands.
import { Badge } from "@mantine/core";
import { IconChecklist, IconPhoneOutgoing } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { DeskFollowUp } from "../api/types";
import { Moment, Num } from "../parts/text";
import { useFormat } from "../text/use-format";
import { overdue } from "./to-do";
import styles from "./to-do.module.css";

/** What names a follow-up: its title, else whom it is about. */
export function What({ f }: { f: DeskFollowUp }) {
  const { t } = useTranslation();
  return (
    <span className={styles.what}>
      {f.kind === "callback" ? (
        <IconPhoneOutgoing size={16} aria-label={t("followUps.kinds.callback")} />
      ) : (
        <IconChecklist size={16} aria-label={t("followUps.kinds.task")} />
      )}
      <bdi>{f.title || f.customer?.name || <Num value={f.number} />}</bdi>
      {f.priority === "high" && (
        <Badge size="sm" color="red" variant="light">
          {t("followUps.priorities.high")}
        </Badge>
      )}
    </span>
  );
}

/** When is its time, and whether that is over. */
export function When({ f, now }: { f: DeskFollowUp; now: number }) {
  const { t } = useTranslation();
  const late = overdue(f, now);
  return (
    <span className={styles.when} data-late={late}>
      {late && <span className={styles.late}>{t("toDo.overdue")} </span>}
      <Moment at={f.due_at} />
    </span>
  );
}

/** About is whom it is about, whose it is, and what came of it so far. */
export function About({ f, me }: { f: DeskFollowUp; me: string }) {
  const { t } = useTranslation();
  const fmt = useFormat();
  const words: string[] = [];
  if (f.title && f.customer) words.push(f.customer.name);
  if (f.claimed_by && f.claimed_by.id !== me) words.push(t("followUps.claimedBy", { name: f.claimed_by.name }));
  else if (f.team) words.push(f.team.name);
  else if (!f.assignee) words.push(t("followUps.anyone"));
  else if (f.assignee.id !== me) words.push(f.assignee.name);
  if (f.state === "no_answer" || f.state === "rescheduled" || f.state === "claimed" || f.state === "dialling") {
    words.push(t(`followUps.state.${f.state}`));
  }
  if (f.tries > 0) words.push(t("followUps.tries", { count: f.tries, n: fmt.number(f.tries) }));
  if (words.length === 0) return null;
  return (
    <span className="quiet">
      {words.map((w, i) => (
        <span key={w}>
          {i > 0 && " · "}
          <bdi>{w}</bdi>
        </span>
      ))}
    </span>
  );
}
