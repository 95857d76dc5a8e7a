/** The business time zone: that of the server's settings, once it is known who is here. */
export let timeZone = "Asia/Tehran";

/** setTimeZone takes a zone by its IANA name; one that this browser does not know is left aside. */
export function setTimeZone(name: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
  } catch {
    return;
  }
  timeZone = name;
}
