// The server's errors (application/problem+json), as the pages use them.
import type { TFunction } from "i18next";
import { sayFault, sayField } from "./fault";
import { sayCode } from "./refusal";

interface Detail {
  message?: string;
  location?: string;
}

interface Body {
  title?: string;
  detail?: string;
  code?: string;
  errors?: Detail[] | null;
  claimed_by?: { name: string } | null;
}

/** Problem is a refused or failed request. Status 0: the server could not be reached. */
export class Problem extends Error {
  readonly status: number;
  /** Why the exchange or a rule does not allow it, as "phone_offline"; empty where the status says all. */
  readonly code: string;
  /** Who has it, where another has; empty where nobody is named. */
  readonly who: string;
  /** What is wrong with which field: "name", "numbers.0.number". */
  readonly fields: Record<string, string>;
  /** When a throttled request may be tried again, in seconds; null when not said. */
  readonly retryAfter: number | null;
  /** Says that trying the same again may work: the server is down, overloaded or out of reach. */
  readonly away: boolean;

  constructor(status: number, body: Body, retryAfter: number | null = null) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.name = "Problem";
    this.status = status;
    this.code = body.code ?? "";
    this.who = body.claimed_by?.name ?? "";
    this.retryAfter = retryAfter;
    this.away = status === 0 || status >= 500 || status === 429;
    this.fields = {};
    for (const e of body.errors ?? []) {
      const field = fieldOf(e.location ?? "");
      if (field && !(field in this.fields)) this.fields[field] = e.message ?? "";
    }
  }
}

/** fieldOf turns the server's place of an error ("body.numbers[0].number") into a form's path ("numbers.0.number"). */
export function fieldOf(location: string): string {
  return location.replace(/^(body|query|path)\.?/, "").replace(/\[(\d+)\]/g, ".$1");
}

export function problemOf(response: Response, body: unknown): Problem {
  const retry = Number(response.headers.get("Retry-After"));
  const known = typeof body === "object" && body !== null ? (body as Body) : {};
  return new Problem(response.status, known, Number.isFinite(retry) && retry > 0 ? retry : null);
}

/** sayFaults names each faulty field and what is wrong with it. */
function sayFaults(p: Problem, t: TFunction): string {
  return Object.entries(p.fields)
    .map(([field, fault]) => `${sayField(field, t)}: ${sayFault(fault, t)}`)
    .join(" ");
}

/** say puts a failed request into the reader's words. */
export function say(error: unknown, t: TFunction): string {
  if (!(error instanceof Problem)) return t("error.unknown");
  const refused = sayCode(error.code, t, error.who);
  if (refused) return refused;
  switch (error.status) {
    case 0:
      return t("error.away");
    case 401:
      return t("error.unauthorized");
    case 403:
      return t("error.forbidden");
    case 404:
      return t("error.notFound");
    case 409:
      return t("error.conflict");
    case 422:
      return sayFaults(error, t) || t("error.invalid");
    case 429:
      return t("error.throttled");
    default:
      return error.status >= 500 ? t("error.server") : t("error.unknown");
  }
}
