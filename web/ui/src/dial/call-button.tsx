// Click to call, wherever a number is shown.
import { ActionIcon, Button } from "@mantine/core";
import { IconPhone } from "@tabler/icons-react";
import { type MouseEvent, useId, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { sayWhyNot } from "../api/refusal";
import { useMay } from "../app/may";
import { deskState, onDesk } from "../desk/store";
import { Hint } from "../parts/hint";
import { Refusal } from "../parts/refusal";
import { Num } from "../parts/text";
import { spaced } from "../text/digits";
import { useFormat } from "../text/use-format";
import { again, dial, forget, useAttempt, type Wish } from "./attempt";
import { dialable, isDialable } from "./number";

/** useDialBlock is why the desk cannot call now, as a code; empty when it can. */
export function useDialBlock(): string {
  return useSyncExternalStore(onDesk, () => deskState().desk?.abilities.dial ?? "");
}

interface Props extends Omit<Wish, "number"> {
  number: string;
  /** A button with this text in the place of the plain icon. */
  text?: string;
  /** Where it is asked for, if the same can be asked for by a key. */
  place?: string;
}

/** CallButton calls a number through the agent's own phone, and says what became of that. Nothing where one may not. */
export function CallButton({ number, text, ...links }: Props) {
  const may = useMay("calls.dial");
  if (!may || !isDialable(number)) return null;
  return <Dial number={number} text={text ?? ""} {...links} />;
}

function Dial({ number, text, place: named, ...links }: Props & { text: string }) {
  const { t } = useTranslation();
  const f = useFormat();
  const own = useId();
  const place = named ?? own;
  const why = useId();
  const block = useDialBlock();
  const busy = useAttempt(place)?.state === "asking";
  const shown = `\u2066${f.digits(spaced(number))}\u2069`;
  // A name has the words that are seen in it.
  const label = text ? `${text}: ${shown}` : t("dial.callNumber", { number: shown });
  const props = {
    "aria-label": label,
    "aria-disabled": block !== "",
    ...(block ? { "data-disabled": true, "aria-describedby": why } : {}),
    loading: busy,
    onClick: (e: MouseEvent) => {
      e.stopPropagation();
      e.preventDefault();
      dial(place, { number: dialable(number), ...links });
    },
  };
  return (
    <>
      <Hint label={block ? sayWhyNot(block, t) : label} multiline maw={320}>
        {text ? (
          <Button variant="default" leftSection={<IconPhone size={16} />} {...props}>
            {text}
          </Button>
        ) : (
          <ActionIcon variant="subtle" size={28} className="call-button" {...props}>
            <IconPhone size={16} stroke={1.7} />
          </ActionIcon>
        )}
      </Hint>
      {block && (
        <span id={why} className="visually-hidden">
          {sayWhyNot(block, t)}
        </span>
      )}
      <Progress place={place} />
    </>
  );
}

/** Progress tells what became of the attempt that was made at a place: nothing, the own phone rings, or why not. */
export function Progress({ place }: { place: string }) {
  const { t } = useTranslation();
  const attempt = useAttempt(place);
  if (attempt?.state === "refused") return <Refusal error={attempt.error} retry={again} onClose={forget} />;
  if (attempt?.state !== "ringing") return null;
  return (
    <span className="dialling" role="status">
      <IconPhone size={16} aria-hidden />
      <span>
        {t("dial.phoneFirst")} <Num value={attempt.extension} plain />
      </span>
    </span>
  );
}

/** Callable is a number with its button; the number itself stays text that can be selected and copied. */
export function Callable({ plain, ...props }: Props & { plain?: boolean }) {
  return (
    <span className="callable">
      <Num value={props.number} {...(plain ? { plain } : {})} />
      <CallButton {...props} />
    </span>
  );
}
