// Small texts: numbers, times and durations, each a left-to-right island where it must be.
import { Kbd } from "@mantine/core";
import { now } from "../app/clock";
import { type KeyID, label } from "../app/keymap";
import { spaced } from "../text/digits";
import { useFormat } from "../text/use-format";

/** Num is a phone number, extension or code. Copying it yields ASCII digits (see copy.ts). */
export function Num({ value, plain }: { value: string; plain?: boolean }) {
  const f = useFormat();
  return (
    <bdi dir="ltr" className="num">
      {f.digits(plain ? value : spaced(value))}
    </bdi>
  );
}

/** Duration writes milliseconds. */
export function Duration({ ms }: { ms: number }) {
  const f = useFormat();
  return (
    <bdi dir="ltr" className="num">
      {f.duration(ms)}
    </bdi>
  );
}

/** Moment is a point in time: short for the eye, whole in its title. */
export function Moment({ at }: { at: string }) {
  const f = useFormat();
  const d = new Date(at);
  return (
    <time dateTime={at} title={`${f.longDate(d)} ${f.timeWithSeconds(d)}`}>
      {f.moment(d, new Date(now()))}
    </time>
  );
}

/** Key shows the keycaps of an action. */
export function Key({ id }: { id: KeyID }) {
  return (
    <Kbd className="key" dir="ltr" aria-hidden>
      {label(id)}
    </Kbd>
  );
}
