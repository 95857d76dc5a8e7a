import { TextInput, type TextInputProps } from "@mantine/core";
import { type KeyboardEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { ascii } from "../text/digits";
import { useFormat } from "../text/use-format";

interface Props extends Omit<TextInputProps, "value" | "onChange" | "onKeyDown"> {
  /** NaN: what stands there is no number between min and max. */
  value: number;
  min: number;
  max: number;
  /** Whether parts of one are possible. */
  parts?: boolean;
  onChange: (value: number) => void;
}

/** readNumber reads a number as people type it, in any digits, with a point or what Persian has for one; NaN: it is none. */
export function readNumber(text: string): number {
  const plain = ascii(text.trim()).replaceAll("٫", ".").replaceAll("٬", "");
  return /^\d+(\.\d+)?$/.test(plain) ? Number(plain) : Number.NaN;
}

/** NumberField is a number that is typed, in the digits of whoever types; the arrows up and down step by one. */
export function NumberField({ value, min, max, parts = false, onChange, error, ...rest }: Props) {
  const { t } = useTranslation();
  const f = useFormat();
  const shown = (n: number) => f.digits(parts ? String(Math.round(n * 100) / 100) : String(n));
  const [text, setText] = useState(Number.isNaN(value) ? "" : shown(value));
  const read = (s: string): number => {
    const n = readNumber(s);
    return n < min || n > max || (!parts && !Number.isInteger(n)) ? Number.NaN : n;
  };
  const typed = readNumber(text);
  if (!Number.isNaN(value) && read(text) !== value) setText(shown(value)); // it was changed elsewhere
  let fault = error;
  if (Number.isNaN(value)) {
    if (typed < min) fault = t("fault.tooSmall", { n: f.number(min) });
    else if (typed > max) fault = t("fault.tooGreat", { n: f.number(max) });
    else fault = t("fault.noNumeral");
  }
  const type = (s: string) => {
    setText(s);
    onChange(read(s));
  };
  const step = (e: KeyboardEvent) => {
    const by = { ArrowUp: 1, ArrowDown: -1 }[e.key];
    if (by === undefined || Number.isNaN(typed)) return;
    e.preventDefault();
    type(shown(Math.min(max, Math.max(min, typed + by))));
  };
  return (
    <TextInput
      inputMode={parts ? "decimal" : "numeric"}
      autoComplete="off"
      {...rest}
      value={text}
      error={fault}
      onChange={(e) => type(e.currentTarget.value)}
      onKeyDown={step}
    />
  );
}
