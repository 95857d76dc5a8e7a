import { Badge, Button, Group, Text } from "@mantine/core";
import {
  IconBuilding,
  IconCalendarPlus,
  IconCheck,
  IconCopy,
  IconExternalLink,
  IconLink,
  IconPhoneIncoming,
  IconStarFilled,
  IconUser,
  IconUserPlus,
  IconX,
} from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense } from "react";
import { useTranslation } from "react-i18next";
import type { Desk, Pop } from "../api/types";
import { useNow } from "../app/clock";
import { ariaKeys, type KeyID, label } from "../app/keymap";
import { CallButton } from "../dial/call-button";
import { Hint } from "../parts/hint";
import { endedBy, OutcomeText } from "../parts/outcome";
import { Duration, Key, Num } from "../parts/text";
import { withWords } from "../text/i18n";
import { useFormat } from "../text/use-format";
import { Controls } from "./controls";
import styles from "./desk.module.css";
import { PhaseIcon } from "./phase-icon";
import { countsFrom, gaveTo, incoming, name, otherNumber, ownPhoneRings, talkedHere, withheld } from "./pop";
import { Script } from "./script";
import { isLive } from "./store";

const Promises = lazy(withWords(() => import("./promise")));

interface Props {
  desk: Desk;
  pop: Pop;
  choosing: boolean;
  onChoose: (customerID: string) => void;
  onCreate: () => void;
  onAttach: () => void;
  onCopy: () => void;
  onDismiss: () => void;
  onFollowUp?: (() => void) | undefined;
}

const vip = (tag: string) => /^(vip|ویژه)$/i.test(tag);

/** CallCard is the call itself: who, why known, where from, and what can be done about it. */
export function CallCard({ desk, pop, choosing, onChoose, onCreate, onAttach, onCopy, onDismiss, onFollowUp }: Props) {
  const { t } = useTranslation();
  const is = pop.state;
  const number = otherNumber(pop, desk);
  const hidden = withheld(pop, desk);
  const who = name(pop, desk);
  const several = !pop.customer && pop.candidates.length > 0;
  const gave = is === "ended" ? gaveTo(pop, desk) : null;
  // The own phone rang for a call that was asked for on the screen, and was not picked up.
  const notPlaced = is === "missed" && pop.call.direction === "outbound";
  const f = useFormat();

  return (
    <section className={styles.card} data-phase={is} aria-label={t(`phase.${is}`)}>
      <header className={styles.cardHead}>
        <span className={styles.phase}>
          <PhaseIcon phase={is} size={20} />
          {is === "answered_elsewhere" && t("desk.answeredBy", { name: pop.answered_by?.name })}
          {gave !== null && t("desk.transferredTo", { name: f.digits(gave) })}
          {is !== "answered_elsewhere" && gave === null && t(notPlaced ? "desk.notPlaced" : `phase.${is}`)}
          {is === "ended" && gave === null && (
            <>
              {" · "}
              <OutcomeText outcome={pop.call.outcome} />
            </>
          )}
        </span>
        {is !== "answered_elsewhere" && <Timer pop={pop} desk={desk} live={isLive(is)} />}
      </header>

      <div className={styles.who}>
        {hidden && !pop.customer ? (
          <p className={styles.name}>{t("desk.withheld")}</p>
        ) : who ? (
          <p className={styles.name}>{who}</p>
        ) : (
          <p className={styles.name}>
            <Num value={number} />
          </p>
        )}
        <Group gap="xs" className={styles.under}>
          {pop.customer?.organization && (
            <span className={styles.company}>
              <IconBuilding size={16} aria-hidden /> {pop.customer.organization}
            </span>
          )}
          {pop.customer?.tags.map((tag) =>
            vip(tag) ? (
              <Badge key={tag} color="orange" leftSection={<IconStarFilled size={12} />}>
                {tag}
              </Badge>
            ) : (
              <Badge key={tag} color="gray">
                {tag}
              </Badge>
            ),
          )}
          {!who && !hidden && pop.looked_up && !several && <span>{t("desk.unknown")}</span>}
          {who && number && <Num value={number} />}
        </Group>
        {ownPhoneRings(pop) ? (
          <p className={styles.first} role="status">
            <IconPhoneIncoming size={18} aria-hidden /> {t("act.phoneFirst")} <Num value={pop.extension} plain />
          </p>
        ) : (
          <Why pop={pop} hidden={hidden} />
        )}
      </div>

      {several && (
        <div className={styles.candidates} role="group" aria-label={t("desk.who")}>
          <Text size="xs" c="dimmed">
            {t("desk.severalBody")}
          </Text>
          {pop.candidates.map((c, i) => (
            <Button
              key={c.id}
              variant="default"
              justify="space-between"
              fullWidth
              h={48}
              disabled={choosing}
              onClick={() => onChoose(c.id)}
              leftSection={c.kind === "organization" ? <IconBuilding size={18} /> : <IconUser size={18} />}
              rightSection={i < 9 && <kbd className={styles.digit}>{i + 1}</kbd>}
              classNames={{ label: styles.candidate, inner: styles.candidateInner }}
            >
              <span>{c.name}</span>
              <span className="quiet">{[c.organization, ...c.tags].filter(Boolean).join(" · ")}</span>
            </Button>
          ))}
        </div>
      )}

      {pop.follow_ups.length > 0 && (
        <Suspense>
          <Promises list={pop.follow_ups} me={desk.agent.id} />
        </Suspense>
      )}

      <From pop={pop} desk={desk} />

      {isLive(is) && pop.queue_script && <Script text={pop.queue_script} />}

      {is === "answered_elsewhere" && <Text size="xs">{t("desk.answeredByBody")}</Text>}
      {is === "ended" && (
        <Text size="xs" c="dimmed">
          {pop.call.hangup && `${t("desk.endedBy", { by: t(`by.${endedBy(pop.call.direction, pop.call.hangup)}`) })}. `}
          {t(pop.call.state === "ended" ? "desk.endedBody" : "desk.transferredBody")}
        </Text>
      )}

      {(is === "dialing" || is === "talking" || is === "held") && <Controls pop={pop} />}

      <Group gap="xs" className={styles.actions}>
        {pop.customer ? (
          <Hint label={<KeyHint id="open" text={t("keys.open")} />}>
            <Button
              component={Link}
              to={`/customers/${pop.customer.id}`}
              variant="default"
              leftSection={<IconExternalLink size={16} />}
              aria-keyshortcuts={ariaKeys("open")}
              rightSection={<Key id="open" />}
            >
              {t("desk.open")}
            </Button>
          </Hint>
        ) : (
          <Action
            id="create"
            icon={<IconUserPlus size={16} />}
            text={t("desk.create")}
            onClick={onCreate}
            primary={!several}
          />
        )}
        <Action
          id="attach"
          icon={<IconLink size={16} />}
          text={pop.customer ? t("desk.change") : t("desk.attach")}
          onClick={onAttach}
        />
        {number && !hidden && (
          <Action id="copy" icon={<IconCopy size={16} />} text={t("desk.copyNumber")} onClick={onCopy} />
        )}
        {!isLive(is) && number && !hidden && (
          <CallButton
            number={number}
            customer={pop.customer?.id}
            call={pop.call.id}
            text={t(incoming(pop, desk) ? "dial.callBack" : "dial.callAgain")}
          />
        )}
        {onFollowUp && (
          <Action
            id="newFollowUp"
            icon={<IconCalendarPlus size={16} />}
            text={t("desk.followUp")}
            onClick={onFollowUp}
          />
        )}
        {!isLive(is) && (
          <Action
            id="dismiss"
            icon={is === "ended" ? <IconCheck size={16} /> : <IconX size={16} />}
            text={t("desk.dismiss")}
            onClick={onDismiss}
          />
        )}
      </Group>
    </section>
  );
}

function KeyHint({ id, text }: { id: KeyID; text: string }) {
  return (
    <span>
      {text} ({label(id)})
    </span>
  );
}

function Action({
  id,
  icon,
  text,
  onClick,
  primary,
}: {
  id: KeyID;
  icon: ReactNode;
  text: string;
  onClick: () => void;
  primary?: boolean;
}) {
  const { t } = useTranslation();
  const word = t(`keys.${id as "create"}`);
  return (
    <Hint label={<KeyHint id={id} text={word} />}>
      <Button
        variant={primary ? "filled" : "default"}
        leftSection={icon}
        rightSection={<Key id={id} />}
        onClick={onClick}
        aria-keyshortcuts={ariaKeys(id)}
      >
        {text}
      </Button>
    </Hint>
  );
}

/** Timer ticks by the server's clock while the call is live, and stands when it has ended. */
function Timer({ pop, desk, live }: { pop: Pop; desk: Desk; live: boolean }) {
  const { t } = useTranslation();
  const now = useNow(live ? 1000 : null);
  const talked = pop.call.answered_at !== null;
  const ms = live ? now - Date.parse(countsFrom(pop)) : talked ? talkedHere(pop, desk) : pop.call.wait_ms;
  const word = t(talked ? "desk.talkTime" : "desk.waited");
  return (
    <span className={styles.timer} role="timer" aria-label={word} title={word}>
      <Duration ms={ms} />
    </span>
  );
}

/** Why says by which rule the customer is known. */
function Why({ pop, hidden }: { pop: Pop; hidden: boolean }) {
  const { t } = useTranslation();
  const f = useFormat();
  let text: string;
  if (hidden && !pop.customer) text = t("desk.withheldBody");
  else if (!pop.looked_up) text = `${t("desk.unchecked")} ${t("desk.uncheckedBody")}`;
  else if (!pop.customer && pop.candidates.length > 0) text = t("desk.several", { n: f.number(pop.candidates.length) });
  else text = t(`rule.${pop.rule}`);
  return (
    <p className={styles.why} data-testid="why">
      {text}
    </p>
  );
}

function From({ pop, desk }: { pop: Pop; desk: Desk }) {
  const { t } = useTranslation();
  const { call } = pop;
  const dialed = call.dialed.number || call.dialed.raw;
  const answered = call.answered_at !== null;
  const now = useNow(answered || call.state === "ended" ? null : 1000);
  const waited = answered || call.state === "ended" ? call.wait_ms : now - Date.parse(call.started_at);
  return (
    <dl className={`facts ${styles.from}`} aria-label={t("desk.from")}>
      <div>
        <dt>{t("calls.direction")}</dt>
        <dd>{t(`direction.${call.direction}`)}</dd>
      </div>
      {incoming(pop, desk) && (
        <>
          <div>
            <dt>{t("desk.queue")}</dt>
            <dd>{call.queue ? <bdi>{call.queue_label}</bdi> : t("desk.direct")}</dd>
          </div>
          {dialed && (
            <div>
              <dt>{t("desk.dialed")}</dt>
              <dd>
                <Num value={dialed} />
              </dd>
            </div>
          )}
          <div>
            <dt>{t("desk.waited")}</dt>
            <dd>
              <Duration ms={waited} />
            </dd>
          </div>
        </>
      )}
      {pop.transferred_by && (
        <div>
          <dt>{t("desk.transferredBy")}</dt>
          <dd>
            <bdi>{pop.transferred_by.name}</bdi>{" "}
            <span className="quiet">
              <Num value={pop.transferred_by.extension} plain />
            </span>
          </dd>
        </div>
      )}
    </dl>
  );
}
