// Why the exchange, or a rule of the house, does not allow something: a code of the server's, and what to do about it in
// the reader's words.
import i18next, { type TFunction } from "i18next";
import type { en } from "../locale/en";

type Code = keyof (typeof en)["refused"];

const known = (code: string): code is Code => code !== "" && i18next.exists(`refused.${code}`);

/** sayCode is the sentence of a code; empty for one that this page does not know. Who has it, where another has. */
export function sayCode(code: string, t: TFunction, who = ""): string {
  if (code === "claimed" && who === "") return t("refused.taken");
  return known(code) ? t(`refused.${code}`, { who: `\u2068${who}\u2069` }) : "";
}

/** sayWhyNot is the sentence of a code that is not empty, a general one if need be. */
export function sayWhyNot(code: string, t: TFunction): string {
  return sayCode(code, t) || t("refused.other");
}
