// How numbers, dates and durations are written, in both languages. Persian means Jalali dates; the time zone is the
// business one, whatever the browser's is.
import type { Digits, Language } from "../app/preferences";
import { inPersian } from "./digits";

export interface FormatOptions {
  language: Language;
  digits: Digits | "language";
  timeZone: string;
}

/** Format writes values for people. It is immutable; make a new one when a preference changes. */
export class Format {
  readonly language: Language;
  readonly persianDigits: boolean;
  /** BCP 47 tag with calendar and numbering system, as date pickers want it. */
  readonly locale: string;
  readonly timeZone: string;
  readonly #date: Intl.DateTimeFormat;
  readonly #dayMonth: Intl.DateTimeFormat;
  readonly #time: Intl.DateTimeFormat;
  readonly #seconds: Intl.DateTimeFormat;
  readonly #weekday: Intl.DateTimeFormat;
  readonly #dayKey: Intl.DateTimeFormat;
  readonly #number: Intl.NumberFormat;
  readonly #relative: Intl.RelativeTimeFormat;

  constructor({ language, digits, timeZone }: FormatOptions) {
    this.language = language;
    this.timeZone = timeZone;
    this.persianDigits = digits === "persian" || (digits === "language" && language === "fa");
    const nu = this.persianDigits ? "arabext" : "latn";
    this.locale = language === "fa" ? `fa-IR-u-ca-persian-nu-${nu}` : `en-GB-u-ca-gregory-nu-${nu}`;
    const short: Intl.DateTimeFormatOptions =
      language === "fa"
        ? { year: "numeric", month: "2-digit", day: "2-digit" }
        : { year: "numeric", month: "short", day: "numeric" };
    const make = (o: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(this.locale, { ...o, timeZone });
    this.#date = make(short);
    this.#dayMonth = make({ day: "numeric", month: language === "fa" ? "long" : "short" });
    this.#time = make({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    this.#seconds = make({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    this.#weekday = make({ weekday: "long" });
    this.#dayKey = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
    this.#number = new Intl.NumberFormat(this.locale);
    this.#relative = new Intl.RelativeTimeFormat(this.locale, { numeric: "auto" });
  }

  /** digits writes the digits of a text (a phone number, a code) in the chosen alphabet. */
  digits(s: string): string {
    return this.persianDigits ? inPersian(s) : s;
  }

  number(n: number): string {
    return this.#number.format(n);
  }

  /** date is a whole date: ۱۴۰۵/۰۹/۰۱, or 22 Nov 2026. */
  date(at: Date): string {
    return this.#date.format(at);
  }

  /** time is hours and minutes of the day. */
  time(at: Date): string {
    return this.#time.format(at);
  }

  timeWithSeconds(at: Date): string {
    return this.#seconds.format(at);
  }

  /** longDate names the weekday too: یکشنبه ۱ آذر ۱۴۰۵. CLDR's own full Persian date has another order. */
  longDate(at: Date): string {
    if (this.language === "fa") {
      const long = new Intl.DateTimeFormat(this.locale, { dateStyle: "long", timeZone: this.timeZone });
      return `${this.#weekday.format(at)} ${long.format(at)}`;
    }
    return `${this.#weekday.format(at)}, ${this.date(at)}`;
  }

  /** dayKey is the Gregorian day in the business time zone, as 2026-11-22: for comparing days, not for people. */
  dayKey(at: Date): string {
    return this.#dayKey.format(at);
  }

  /** moment is what a list shows: the time alone for today, the day and the time before that. */
  moment(at: Date, now: Date): string {
    if (this.dayKey(at) === this.dayKey(now)) return this.time(at);
    const sameYear = Math.abs(now.getTime() - at.getTime()) < 300 * 86_400_000;
    return `${sameYear ? this.#dayMonth.format(at) : this.date(at)} ${this.time(at)}`;
  }

  /** ago is a coarse distance into the past: "5 minutes ago". */
  ago(at: Date, now: Date): string {
    const s = Math.round((at.getTime() - now.getTime()) / 1000);
    const steps: [Intl.RelativeTimeFormatUnit, number][] = [
      ["second", 60],
      ["minute", 60],
      ["hour", 24],
      ["day", 30],
      ["month", 12],
    ];
    let v = s;
    for (const [unit, size] of steps) {
      if (Math.abs(v) < size) return this.#relative.format(Math.round(v), unit);
      v /= size;
    }
    return this.#relative.format(Math.round(v), "year");
  }

  /** duration writes milliseconds as 0:42, 12:05 or 1:02:03; never negative. */
  duration(ms: number): string {
    const s = Math.max(0, Math.floor(ms / 1000));
    const pad = (n: number) => String(n).padStart(2, "0");
    const h = Math.floor(s / 3600);
    const m = Math.floor((s % 3600) / 60);
    return this.digits(h > 0 ? `${h}:${pad(m)}:${pad(s % 60)}` : `${m}:${pad(s % 60)}`);
  }
}
