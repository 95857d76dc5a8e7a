// Digits in three alphabets. What people type may use any of them; what leaves the page (API, clipboard) is ASCII.

const persian = "۰۱۲۳۴۵۶۷۸۹";

/** ascii turns Persian and Arabic digits into ASCII ones and leaves all else alone. */
export function ascii(s: string): string {
  return s.replace(/[۰-۹٠-٩]/g, (d) => String((d.codePointAt(0) ?? 0) & 0xf));
}

/** inPersian turns ASCII digits into Persian ones and leaves all else alone. */
export function inPersian(s: string): string {
  return s.replace(/[0-9]/g, (d) => persian[Number(d)] ?? d);
}

const iranArea = /^0(?:21|26|25|31|41|51|61|71|81|11|13|17|23|24|28|34|35|38|44|45|54|56|58|66|74|76|77|83|84|86|87)/;

/**
 * spaced groups a number for the eye: +98 912 123 4567 is shown as people in Iran write it (0912 123 4567), other
 * countries' numbers keep their +. It changes only spacing and the national prefix, never a digit.
 */
export function spaced(number: string): string {
  const n = number.startsWith("+98") && number.length >= 12 ? `0${number.slice(3)}` : number;
  if (/^09\d{9}$/.test(n)) return `${n.slice(0, 4)} ${n.slice(4, 7)} ${n.slice(7)}`;
  if (/^0\d{10}$/.test(n) && iranArea.test(n)) return `${n.slice(0, 3)} ${n.slice(3, 7)} ${n.slice(7)}`;
  const m = /^\+(1|7|[2-9]\d{1,2}?)(\d{6,})$/.exec(n);
  if (m?.[1] && m[2]) return `+${m[1]} ${m[2].replace(/(\d{3})(?=\d{3,})/g, "$1 ").trim()}`;
  return n;
}
