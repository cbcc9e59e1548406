// What is wrong with one field of a form, in the form's own words.

import type { Problem } from "./client";
import { shortTime } from "./time";

const WORDS: Record<string, string> = { name: "the name", expiresAt: "the expiry", scopes: "the scopes" };

/** The problem of one field; undefined where it is another's, or none. */
export function fieldProblem(problem: Problem | undefined, field: string): string | undefined {
  return problem?.kind === "input" && problem.field === field ? inWords(problem.message) : undefined;
}

/** A message of the server without the schema's names, and with its instants as people write them. */
export function inWords(message: string, locale?: string): string {
  const words = message
    .replaceAll(/`(\w+)`/g, (name, field: string) => WORDS[field] ?? name)
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (instant) => shortTime(new Date(instant), locale));
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Brings the person to the first field that is wrong, or else to the first of all: what had the focus may be disabled meanwhile. */
export function focusWrongField(form: HTMLFormElement | null): void {
  const field = form?.querySelector<HTMLElement>("[aria-invalid=true]") ?? form?.querySelector<HTMLElement>("input, select");
  field?.focus();
}
