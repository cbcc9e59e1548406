import { NativeSelect, Stack, TextInput } from "@mantine/core";

import type { Expiry, Span } from "../expiry";

const SPANS: { value: Span; label: string }[] = [
  { value: "30", label: "in 30 days" },
  { value: "90", label: "in 90 days" },
  { value: "365", label: "in 365 days" },
  { value: "date", label: "on a date" },
  { value: "never", label: "never" },
];

/** Asks when a key ends. */
export function ExpiryField({
  expiry,
  change,
  error,
  keep,
}: {
  expiry: Expiry;
  change: (expiry: Expiry) => void;
  error: string | undefined;
  /** What it says where the end stays as it is; without it, there is none yet. */
  keep?: string;
}) {
  const isDate = expiry.span === "date";
  const first: { value: Span; label: string }[] = keep === undefined ? [] : [{ value: "keep", label: keep }];
  return (
    <Stack gap="xs">
      <NativeSelect
        label="Expires"
        description="From then on it does not work any more."
        data={[...first, ...SPANS]}
        value={expiry.span}
        onChange={(event) => change({ ...expiry, span: event.currentTarget.value as Span })}
        error={isDate ? undefined : error}
      />
      {isDate && (
        <TextInput
          type="date"
          label="Last day"
          description="It works until the end of that day, in your time zone."
          max="9999-12-31"
          value={expiry.date}
          onChange={(event) => change({ ...expiry, date: event.currentTarget.value })}
          error={error}
          required
          withAsterisk
        />
      )}
    </Stack>
  );
}
