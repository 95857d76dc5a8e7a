// What the server finds wrong with a field, by kind. It says so in English, for programs and their makers; the pages
// say it in the reader's language. A complaint of no known kind gets a sentence that is true of all.
import i18next, { type TFunction } from "i18next";
import { preferences } from "../app/preferences";
import type { en } from "../locale/en";
import { inPersian } from "../text/digits";

export type FaultKind = keyof (typeof en)["fault"];

export interface Fault {
  kind: FaultKind;
  /** What fills the sentence's holes: a bound, or a name. */
  n?: string;
}

/** Each with at most one group, which is the fault's n. The first that fits holds. */
const kinds: [RegExp, FaultKind][] = [
  [
    /^is required$|^is empty|^is missing: |^say (?:either|one) |^expected length >= 1$|^expected required property/,
    "required",
  ],
  [/^expected length >= (\d+)$|^is shorter than (\d+) /, "tooShort"],
  [/^expected length <= (\d+)$|^is longer than (\d+) |^must have at most (\d+) char/, "tooLong"],
  [
    /^expected array length <= (\d+)$|^are more than (\d+)|^there are (\d+) |^you have (\d*)|^has more than (\d+) /,
    "tooMany",
  ],
  [/^expected array length >= (\d+)$/, "tooFew"],
  [
    /^expected value to be one of|^must be ("|\w+, .* or )|^is none of the (?:choices|classes)$|^is no role$|^is only for a pause$|^must be task or callback$|^is not offered for this call$|^is none of your phones$|^is not a \w+ of yours$|^name one owner/,
    "choice",
  ],
  [/^must be (?:from )?1 to 64 letters/, "username"],
  [/^expected number >=? (-?[\d.]+)$/, "tooSmall"],
  [/^expected number <=? (-?[\d.]+)$|^must be from \d+ to (\d*)/, "tooGreat"],
  [/^expected (?:number|integer)/, "noNumeral"],
  [/^expected (?:string to be RFC (?:3339|1123)|duration)|^is no (?:time of|day)|^must be from a minute to/, "noTime"],
  [/^is not a number(?: that can be dialled)?$/, "noNumber"],
  [/^is not digits/, "noDigits"],
  [/^emergency numbers are always/, "emergency"],
  [/^is not an (?:extension|endpoint)$|^names no PBX/, "noExtension"],
  [/^what is not an agent's phone|^is no agent's phone/, "noPhone"],
  [/^another \w+ has it$|^is that of another/, "taken"],
  [/^belongs to (.+)$/, "takenBy"],
  [/^is there twice$|^expected array items to be unique$/, "twice"],
  [/^there is no such|^is an archived agent|^is no (?:customer$|queue$|call )/, "gone"],
  [/^is withheld/, "withheld"],
  [/^is a colleague's extension/, "colleague"],
  [/^only a callback has/, "onlyCallback"],
  [/control character|UTF-8|holds characters that are none/, "characters"],
  [/in the past(?:: |$)/, "past"],
  [/^is before from$|^must be after due_at$/, "order"],
  [/^is not your password$/, "password"],
  [/^only persons belong/, "onlyPersons"],
  [/^persons belong to this/, "hasPeople"],
  [/^this is the last admin$/, "lastAdmin"],
  [/^is not a supervisor/, "noSupervisor"],
  [/cursor|not one of ours/, "cursor"],
  [/^is no due time/, "noDue"],
  [/^names a day that/, "noDay"],
  [/^names a time that/, "noClock"],
  [/ten years ahead$|^is too far ahead/, "tooFar"],
];

/** faultOf finds the kind of a complaint. */
export function faultOf(message: string): Fault {
  for (const [form, kind] of kinds) {
    const m = form.exec(message);
    if (!m) continue;
    const n = m.slice(1).find((x) => x !== undefined);
    return { kind, ...(n !== undefined && /\d|takenBy/.test(`${n}${kind}`) ? { n } : {}) };
  }
  return { kind: "other" };
}

/** sayFault puts a complaint about a field into the reader's words. */
export function sayFault(message: string, t: TFunction): string {
  const { kind, n = "" } = faultOf(message);
  const { language, digits } = preferences();
  const persian = digits === "persian" || (digits === "language" && language === "fa");
  return t(`fault.${kind}`, { n: persian && kind !== "takenBy" ? inPersian(n) : n });
}

/** sayField is how a form calls a field of the API; "this field" where it has no name of its own. */
export function sayField(field: string, t: TFunction): string {
  const names = field.split(".").filter((x) => !/^\d+$/.test(x));
  const name = names.findLast(
    (x): x is keyof typeof known => x in known && i18next.exists(known[x as keyof typeof known]),
  );
  return t(name ? known[name] : "fault.field");
}

const known = {
  name: "customers.name",
  kind: "customers.kind",
  organization_id: "customers.organizationPick",
  numbers: "customers.numbers",
  number: "calls.number",
  label: "customers.label",
  tags: "customers.tags",
  note: "customers.note",
  username: "login.username",
  password: "login.password",
  role: "agents.role",
  extensions: "agents.extensions",
  team_id: "agents.team",
  supervisors: "teams.supervisors",
  from: "calls.from",
  to: "calls.to",
  direction: "calls.direction",
  outcome: "calls.outcome",
  queue: "calls.queue",
  agent: "calls.agent",
  customer: "calls.customer",
  customer_id: "calls.customer",
  script: "queues.script",
  q: "app.search",
} as const;
