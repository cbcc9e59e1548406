// When a key ends, as people choose it.

export type Span = "keep" | "30" | "90" | "365" | "date" | "never";

export interface Expiry {
  span: Span;
  /** The last day on which the key works, as a date field has it; empty where none was chosen. */
  date: string;
}

const MINUTE = 60_000;
const DAY = 86_400_000;

/** The end for the server: null for never, and undefined where a date is still to be chosen, or the end is to stay as it is. */
export function endOf({ span, date }: Expiry, now: Date): string | null | undefined {
  switch (span) {
    case "keep":
      return undefined;
    case "never":
      return null;
    case "date":
      return endOfDay(date)?.toISOString();
    default:
      // To the minute before: with an end that is just within what the server allows, its clock and this one may differ.
      return new Date(Math.floor((now.getTime() + Number(span) * DAY) / MINUTE) * MINUTE).toISOString();
  }
}

/** The last second of a day in the reader's time zone, so that the day that is shown as the end is the one that was chosen. */
function endOfDay(date: string): Date | undefined {
  const end = new Date(`${date}T23:59:59`);
  return Number.isNaN(end.getTime()) ? undefined : end;
}
