import { Text } from "@mantine/core";

import { relativeTime, timeLeft } from "../time";
import { Instant } from "./Instant";

/** When a key or a secret was last used. */
export function LastUsed({ at, now }: { at: string | null | undefined; now: Date }) {
  return at ? <Instant at={at} words={relativeTime(new Date(at), now)} /> : <Never />;
}

/** When a key or a secret ends. */
export function Expires({ at, now }: { at: string | null | undefined; now: Date }) {
  if (!at) {
    return <Never />;
  }
  const end = new Date(at);
  return <Instant at={at} words={end <= now ? "expired" : timeLeft(end, now)} />;
}

function Never() {
  return (
    <Text component="span" size="sm" c="dimmed">
      never
    </Text>
  );
}
