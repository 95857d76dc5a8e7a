// What can be done with a call: hang up, hold, hand it on. What cannot be done now says why.
import { Button, Group, Text } from "@mantine/core";
import {
  IconArrowBackUp,
  IconArrowForwardUp,
  IconPhoneCheck,
  IconPhoneOff,
  IconPlayerPause,
  IconPlayerPlay,
} from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { sayWhyNot } from "../api/refusal";
import type { Abilities, Pop } from "../api/types";
import { announce } from "../app/announce";
import { ariaKeys, type KeyID, label } from "../app/keymap";
import { useMay } from "../app/may";
import { useKeys } from "../app/use-keys";
import { Hint } from "../parts/hint";
import { Refusal } from "../parts/refusal";
import { Key } from "../parts/text";
import { useFormat } from "../text/use-format";
import styles from "./desk.module.css";
import { asked } from "./pop";

const Transfer = lazy(() => import("./transfer"));

type Act = "hangUp" | "hold" | "resume" | "complete" | "giveUp";

/** send asks the server for an act on a call. */
function send(act: Act, id: string): Promise<unknown> {
  const params = { path: { id } };
  switch (act) {
    case "hangUp":
      return got(api.DELETE("/api/v1/calls/{id}", { params }));
    case "hold":
    case "resume":
      return got(api.POST("/api/v1/calls/{id}/hold", { params, body: { held: act === "hold" } }));
    case "complete":
      return got(api.POST("/api/v1/calls/{id}/transfer/complete", { params }));
    case "giveUp":
      return got(api.POST("/api/v1/calls/{id}/transfer/cancel", { params }));
  }
}

/** Controls are the buttons of a live call, each with a key. */
export function Controls({ pop }: { pop: Pop }) {
  return useMay("calls.control") ? <Buttons pop={pop} able={pop.abilities} /> : null;
}

function Buttons({ pop, able }: { pop: Pop; able: Abilities }) {
  const { t } = useTranslation();
  const f = useFormat();
  const [transferring, setTransferring] = useState(false);
  /** What was pressed although it cannot be done: why not, for who has no tooltip. */
  const [blocked, setBlocked] = useState("");
  const id = pop.call.id;
  const run = useMutation({
    mutationFn: (act: Act) => send(act, id),
    onMutate: () => setBlocked(""),
    onSuccess: (_, act) => announce(t(`act.done.${act}`)),
  });
  const busy = (act: Act) => run.isPending && run.variables === act;
  const attempt = (act: Act, why: string) => {
    if (run.isPending) return;
    run.reset();
    if (why) setBlocked(why);
    else run.mutate(act);
  };
  const held = pop.state === "held";
  const who = asked(pop);
  const consulting = able.complete === "" || able.cancel === "";
  const handOn = able.blind === "" || able.attended === "" ? "" : able.blind;
  const openTransfer = () => {
    run.reset();
    setBlocked(handOn);
    if (!handOn) setTransferring(true);
  };

  useKeys({
    hangUp: () => attempt("hangUp", able.hang_up),
    hold: () => attempt(held ? "resume" : "hold", able.hold),
    transfer: openTransfer,
    complete: () => consulting && attempt("complete", able.complete),
    giveUp: () => consulting && attempt("giveUp", able.cancel),
  });

  return (
    <div className={styles.controls} role="group" aria-label={t("act.group")}>
      {consulting && (
        <Text fw={600} role="status" className={styles.consulting}>
          {who ? t("act.consultingWith", { name: f.digits(who) }) : t("act.consulting")}
        </Text>
      )}
      <Group gap="xs" className={styles.actions}>
        {consulting ? (
          <>
            <Control
              id="complete"
              icon={<IconPhoneCheck size={16} />}
              text={t("act.complete")}
              why={able.complete}
              loading={busy("complete")}
              onClick={() => attempt("complete", able.complete)}
              primary
            />
            <Control
              id="giveUp"
              icon={<IconArrowBackUp size={16} className="turn" />}
              text={t("act.giveUp")}
              why={able.cancel}
              loading={busy("giveUp")}
              onClick={() => attempt("giveUp", able.cancel)}
            />
          </>
        ) : (
          <>
            <Control
              id="hold"
              icon={held ? <IconPlayerPlay size={16} /> : <IconPlayerPause size={16} />}
              text={t(held ? "act.resume" : "act.hold")}
              why={able.hold}
              loading={busy("hold") || busy("resume")}
              onClick={() => attempt(held ? "resume" : "hold", able.hold)}
            />
            <Control
              id="transfer"
              icon={<IconArrowForwardUp size={16} className="turn" />}
              text={t("act.transfer")}
              why={handOn}
              onClick={openTransfer}
            />
          </>
        )}
        <Control
          id="hangUp"
          icon={<IconPhoneOff size={16} />}
          text={t("act.hangUp")}
          why={able.hang_up}
          loading={busy("hangUp")}
          onClick={() => attempt("hangUp", able.hang_up)}
          danger
        />
      </Group>
      {run.error && (
        <Refusal error={run.error} retry={() => run.variables && run.mutate(run.variables)} onClose={run.reset} />
      )}
      {blocked && (
        <Text size="xs" c="dimmed" role="status">
          {sayWhyNot(blocked, t)}
        </Text>
      )}
      <Suspense>{transferring && <Transfer pop={pop} onClose={() => setTransferring(false)} />}</Suspense>
    </div>
  );
}

interface ControlProps {
  id: KeyID;
  icon: ReactNode;
  text: string;
  /** Why it cannot be done now, as a code; empty when it can. */
  why: string;
  onClick: () => void;
  loading?: boolean;
  primary?: boolean;
  danger?: boolean;
}

/** Control can be reached, and says why, also when it cannot be used. */
export function Control({ id, icon, text, why, onClick, loading, primary, danger }: ControlProps) {
  const { t } = useTranslation();
  const reason = useId();
  const hint = why ? sayWhyNot(why, t) : `${t(`keys.${id as "hold"}`)} (${label(id)})`;
  return (
    <>
      <Hint label={hint} multiline maw={320}>
        <Button
          variant={primary ? "filled" : danger ? "light" : "default"}
          {...(danger ? { color: "red" } : {})}
          leftSection={icon}
          rightSection={<Key id={id} />}
          loading={loading ?? false}
          onClick={onClick}
          aria-keyshortcuts={ariaKeys(id)}
          {...(why ? { "data-disabled": true, "aria-disabled": true, "aria-describedby": reason } : {})}
        >
          {text}
        </Button>
      </Hint>
      {why && (
        <span id={reason} className="visually-hidden">
          {sayWhyNot(why, t)}
        </span>
      )}
    </>
  );
}
