// What people type or paste where a number is asked for.
import { ascii } from "../text/digits";

/** Marks that word processors and messengers leave in a copied number: directions, joiners, hard spaces. */
const invisible = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/**
 * dialable is what can be dialled of a text: ASCII digits with a leading +, and * and #. It takes the first run that looks
 * like a number ("Tel. +98 (912) 123-4567, Sara" → "+989121234567"); empty when there is none.
 */
export function dialable(text: string): string {
  const plain = ascii(text)
    .replace(invisible, "")
    .replace(/\uff0b/g, "+");
  const run = /[+*#(\d][\d\s().\-\u2010-\u2015/*#]*/.exec(plain)?.[0] ?? "";
  const number = run.replace(/[^\d+*#]/g, "");
  return /\d/.test(number) ? number : "";
}

/** isDialable says that a whole text is a number: no name, no address, nothing withheld. */
export function isDialable(text: string): boolean {
  return /^[+*#]?[\d\s().*#-]{2,}$/.test(text) && dialable(text) !== "";
}
