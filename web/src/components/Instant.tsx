import { Text, Tooltip } from "@mantine/core";

import { exactTime } from "../time";

/** An instant in a few words, with the exact time for who points at it or listens. */
export function Instant({ at, words, size = "sm" }: { at: string; words: string; size?: string }) {
  const exact = exactTime(new Date(at));
  return (
    <>
      <Tooltip label={exact} multiline maw="min(22rem, 80vw)" events={{ hover: true, focus: false, touch: true }}>
        <Text component="time" dateTime={at} size={size} style={{ whiteSpace: "nowrap" }}>
          {words}
        </Text>
      </Tooltip>
      <span className="visually-hidden">{exact}</span>
    </>
  );
}
