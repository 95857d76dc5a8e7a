// What is to be done today, at the edge of the desk: what is overdue first. With it comes what is done by a key.
import { ActionIcon, Anchor, Button, Group, Text, Title } from "@mantine/core";
import { IconCheck, IconHandStop, IconPencil, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { followUp } from "../api/queries";
import type { Desk, DeskFollowUp } from "../api/types";
import { useNow } from "../app/clock";
import { ariaKeys, label } from "../app/keymap";
import { useMay } from "../app/may";
import { CallButton } from "../dial/call-button";
import { claim, finish } from "../followups/acts";
import { FollowUpDialog } from "../followups/open";
import { Hint } from "../parts/hint";
import { complain } from "../parts/notice";
import { Key } from "../parts/text";
import { useFormat } from "../text/use-format";
import { overdue } from "./to-do";
import styles from "./to-do.module.css";
import { About, What, When } from "./to-do-line";

/** As many as the server counts. */
const counted = 1000;

export default function ToDoPanel({ desk, onNew }: { desk: Desk; onNew: () => void }) {
  const { t } = useTranslation();
  const f = useFormat();
  const now = useNow(15_000);
  const write = useMay("follow_ups.write") !== null;
  const [edit, setEdit] = useState<string | null>(null);
  const { items, overdue: late, today } = desk.follow_ups;
  const n = (x: number) => (x >= counted ? `${f.number(counted)}+` : f.number(x));

  return (
    <section className="panel" aria-label={t("toDo.title")} data-testid="to-do">
      <Group justify="space-between" wrap="nowrap" mb={4}>
        <Title order={2}>{t("toDo.title")}</Title>
        {write && (
          <Hint label={`${t("keys.newFollowUp")} (${label("newFollowUp")})`}>
            <Button
              size="compact-sm"
              variant="default"
              leftSection={<IconPlus size={16} aria-hidden />}
              rightSection={<Key id="newFollowUp" />}
              aria-keyshortcuts={ariaKeys("newFollowUp")}
              onClick={onNew}
            >
              {t("toDo.new")}
            </Button>
          </Hint>
        )}
      </Group>
      <Text size="xs" c="dimmed" mb={4} data-testid="to-do-counts">
        {late + today === 0
          ? t("toDo.nothing")
          : [late > 0 && t("toDo.countOverdue", { n: n(late) }), today > 0 && t("toDo.countToday", { n: n(today) })]
              .filter(Boolean)
              .join(" · ")}
      </Text>
      {items.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: who uses keys alone scrolls it
        <ol className={styles.list} tabIndex={0} aria-label={t("toDo.title")}>
          {items.map((x) => (
            <li key={x.id} className={styles.item} data-offered={overdue(x, now)}>
              <div className={styles.words}>
                <span className={styles.head}>
                  <What f={x} />
                  <When f={x} now={now} />
                </span>
                <About f={x} me={desk.agent.id} />
              </div>
              {write && <Acts f={x} me={desk.agent.id} onEdit={() => setEdit(x.id)} />}
            </li>
          ))}
        </ol>
      )}
      <Anchor component={Link} to="/follow-ups" size="xs" mt={8} display="inline-block">
        {t("followUps.ofCustomer")}
      </Anchor>
      {edit && <Edit id={edit} onClose={() => setEdit(null)} />}
    </section>
  );
}

/** Acts are what can be done with one here: call, take, change, say that it is done. */
function Acts({ f, me, onEdit }: { f: DeskFollowUp; me: string; onEdit: () => void }) {
  const { t } = useTranslation();
  const name = f.title || f.customer?.name || f.number;
  const shared = f.assignee === null && f.claimed_by?.id !== me;
  const act = (word: string, icon: ReactNode, onClick: () => void) => (
    <Hint label={word}>
      <ActionIcon variant="subtle" color="gray" size={28} aria-label={`${word}: ${name}`} onClick={onClick}>
        {icon}
      </ActionIcon>
    </Hint>
  );
  return (
    <span className={styles.acts}>
      {f.kind === "callback" && f.state !== "dialling" && (
        <CallButton number={f.number} customer={f.customer?.id} followUp={f.id} />
      )}
      {shared && f.kind === "task" && act(t("followUps.claim"), <IconHandStop size={16} />, () => void claim(f))}
      {act(t("followUps.edit"), <IconPencil size={16} />, onEdit)}
      {act(t("followUps.done"), <IconCheck size={16} />, () => void finish(f))}
    </span>
  );
}

/** Edit is the dialog of one, once all of it is known. */
function Edit({ id, onClose }: { id: string; onClose: () => void }) {
  const { data: whole, error } = useQuery({ ...followUp(id), refetchInterval: false });
  const failed = whole ? null : error;
  useEffect(() => {
    if (!failed) return;
    complain(failed);
    onClose();
  }, [failed, onClose]);
  if (!whole) return null;
  return (
    <Suspense>
      <FollowUpDialog edit={whole} onClose={onClose} />
    </Suspense>
  );
}
