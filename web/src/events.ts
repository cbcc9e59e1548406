// What happened to a key, in words.

import type { ApiKeyEventAction, EventItemFragment } from "./generated";
import { shortTime } from "./time";

export const ACTIONS: Record<ApiKeyEventAction, string> = {
  CREATED: "Created",
  UPDATED: "Changed",
  ROTATED: "Rotated",
  DELETED: "Deleted",
};

/** Who did it, and how they proved who they were. */
export function whoInWords({ actor, credential }: Pick<EventItemFragment, "actor" | "credential">): string {
  switch (credential) {
    case "LOCAL":
      return "the local operator";
    case "COMMAND_LINE":
      return "an operator, on the command line";
    case "OIDC":
      return `${actor}, signed in`;
    case "API_KEY":
      return `a program, with the API key ${actor}`;
  }
}

/** What became different: "Name: “a” → “b”". */
export function changeInWords({ field, before, after }: EventItemFragment["changes"][number], locale?: string): string {
  const { label, word } = FIELDS[field] ?? { label: field, word: plain };
  return `${label}: ${word(before, locale)} → ${word(after, locale)}`;
}

type Word = (value: string | null | undefined, locale?: string) => string;

const plain: Word = (value) => value ?? "none";

const FIELDS: Record<string, { label: string; word: Word }> = {
  name: { label: "Name", word: (value) => `“${value ?? ""}”` },
  expiresAt: { label: "Expires", word: (value, locale) => (value ? shortTime(new Date(value), locale) : "never") },
  disabled: { label: "Paused", word: (value) => (value === "true" ? "yes" : "no") },
  hint: { label: "Key", word: plain },
};
