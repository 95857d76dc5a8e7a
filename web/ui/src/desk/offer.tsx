// What is due now, quietly above every page: one key calls, one says that it is done, one puts it aside.
import { Button, Group } from "@mantine/core";
import { IconCheck, IconClockPause, IconHandStop, IconPhone } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { sayWhyNot } from "../api/refusal";
import type { Desk, DeskFollowUp } from "../api/types";
import { useNow } from "../app/clock";
import { ariaKeys, type KeyID, label } from "../app/keymap";
import { useMay } from "../app/may";
import { useKeys } from "../app/use-keys";
import { dial } from "../dial/attempt";
import { Progress, useDialBlock } from "../dial/call-button";
import { dialable } from "../dial/number";
import { claim, finish } from "../followups/acts";
import { Hint } from "../parts/hint";
import { notice } from "../parts/notice";
import { Key, Num } from "../parts/text";
import { useFormat } from "../text/use-format";
import { aside, offerID, useOffers } from "./to-do";
import styles from "./to-do.module.css";
import { About, What, When } from "./to-do-line";

const place = "offer";

export default function Offer({ desk }: { desk: Desk }) {
  const now = useNow(15_000);
  const offers = useOffers(desk, now);
  const [f] = offers;
  return (
    <>
      {f && <One key={f.id} f={f} all={offers} me={desk.agent.id} now={now} />}
      <div className={styles.progress}>
        <Progress place={place} />
      </div>
    </>
  );
}

function One({ f, all, me, now }: { f: DeskFollowUp; all: DeskFollowUp[]; me: string; now: number }) {
  const { t } = useTranslation();
  const fmt = useFormat();
  const mayDial = useMay("calls.dial") !== null;
  const block = useDialBlock();
  const calls = f.kind === "callback" && mayDial;
  const takes = !calls && f.assignee === null && f.claimed_by?.id !== me;
  const call = () => {
    if (block) notice(sayWhyNot(block, t));
    else dial(place, { number: dialable(f.number), customer: f.customer?.id, followUp: f.id });
  };
  const take = () => void claim(f);
  const done = () => void finish(f);
  const later = () => aside.add(...all.map(offerID));

  useKeys({
    offerTake: () => (calls ? call() : takes && take()),
    offerDone: done,
    offerLater: later,
  });

  return (
    <section className={styles.offer} aria-label={t("toDo.due")} data-testid="offer">
      <div className={styles.words}>
        <span className={styles.head}>
          <What f={f} />
          <When f={f} now={now} />
          {all.length > 1 && <span className="quiet">{t("toDo.more", { n: fmt.number(all.length - 1) })}</span>}
        </span>
        <About f={f} me={me} />
        {f.note && (
          <span className={`quiet ${styles.note}`}>
            <bdi>{f.note}</bdi>
          </span>
        )}
      </div>
      <Group gap="xs">
        {calls && (
          <Act
            id="offerTake"
            icon={<IconPhone size={16} />}
            onClick={call}
            why={block ? sayWhyNot(block, t) : ""}
            primary
          >
            <span>
              {t("toDo.call")} <Num value={f.number} />
            </span>
          </Act>
        )}
        {takes && (
          <Act id="offerTake" icon={<IconHandStop size={16} />} onClick={take} primary>
            {t("followUps.claim")}
          </Act>
        )}
        <Act id="offerDone" icon={<IconCheck size={16} />} onClick={done} primary={!calls && !takes}>
          {t("followUps.done")}
        </Act>
        <Act id="offerLater" icon={<IconClockPause size={16} />} onClick={later}>
          {t("toDo.aside")}
        </Act>
      </Group>
    </section>
  );
}

interface ActProps {
  id: Extract<KeyID, "offerTake" | "offerDone" | "offerLater">;
  icon: ReactNode;
  onClick: () => void;
  /** Why it cannot be done now; empty: it can. */
  why?: string;
  primary?: boolean;
  children: ReactNode;
}

function Act({ id, icon, onClick, why, primary, children }: ActProps) {
  const { t } = useTranslation();
  return (
    <Hint label={why || `${t(`keys.${id}`)} (${label(id)})`} multiline maw={320}>
      <Button
        size="compact-md"
        variant={primary ? "filled" : "default"}
        leftSection={icon}
        rightSection={<Key id={id} />}
        aria-keyshortcuts={ariaKeys(id)}
        {...(why ? { "aria-disabled": true, "data-disabled": true } : {})}
        onClick={onClick}
      >
        {children}
      </Button>
    </Hint>
  );
}
