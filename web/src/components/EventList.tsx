import { Box, Group, Stack, Text } from "@mantine/core";

import { ACTIONS, changeInWords, whoInWords } from "../events";
import type { EventItemFragment } from "../generated";
import { shortTime } from "../time";
import { Instant } from "./Instant";

/** What happened, one thing after the other: what, to which key, when, by whom, and what became different. */
export function EventList({ events, label, isOfOneKey = false }: { events: EventItemFragment[]; label: string; isOfOneKey?: boolean }) {
  return (
    <Stack component="ol" gap="sm" aria-label={label} m={0} p={0} style={{ listStyle: "none" }}>
      {events.map((event) => (
        <Box component="li" key={event.id} style={{ overflowWrap: "anywhere" }}>
          <Group justify="space-between" align="baseline" gap="0 var(--mantine-spacing-xs)">
            <Text size="sm" flex="1 1 180px">
              <b>{ACTIONS[event.action]}</b>
              {!isOfOneKey && ` “${event.apiKeyName}”`}
            </Text>
            <Instant at={event.at} words={shortTime(new Date(event.at))} />
          </Group>
          {event.changes.map((change) => (
            <Text key={change.field} size="sm">
              {changeInWords(change)}
            </Text>
          ))}
          <Text size="sm" c="dimmed">
            By {whoInWords(event)}
          </Text>
        </Box>
      ))}
    </Stack>
  );
}
