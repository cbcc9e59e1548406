// Instants for people.

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86400],
  ["month", 30 * 86400],
  ["week", 7 * 86400],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** How long ago (or ahead) `at` is, in the largest unit that fits: "3 days ago". */
export function relativeTime(at: Date, now: Date, locale?: string): string {
  const seconds = (at.getTime() - now.getTime()) / 1000;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) {
      return format.format(Math.trunc(seconds / size), unit);
    }
  }
  return format.format(0, "second");
}

/** The exact time, in the reader's time zone. */
export function exactTime(at: Date, locale?: string): string {
  return at.toLocaleString(locale, { dateStyle: "full", timeStyle: "long" });
}

/** The exact time in short, for lists and sentences. */
export function shortTime(at: Date, locale?: string): string {
  return at.toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
}

const LEFT: [Intl.RelativeTimeFormatUnit, number, number][] = [
  ["year", 365 * 86400, 2],
  ["month", 30 * 86400, 2],
  ["day", 86400, 2],
  ["hour", 3600, 1],
];

/** How long until `end`, rounded, since what was given 90 days has a little less ever after: "in 3 months". */
export function timeLeft(end: Date, now: Date, locale?: string): string {
  const seconds = (end.getTime() - now.getTime()) / 1000;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
  for (const [unit, size, least] of LEFT) {
    const count = Math.round(seconds / size);
    if (count >= least) {
      return format.format(count, unit);
    }
  }
  return format.format(Math.max(1, Math.round(seconds / 60)), "minute");
}
