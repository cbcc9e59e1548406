import { Button, Group, Text } from "@mantine/core";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";

import type { RangeFragment } from "../generated";
import { nextPage, previousPage, type PageRange } from "../paging";

/** Says how many there are in all, and leads to the pages around this one. */
export function Pager({
  pageInfo,
  count,
  go,
  words = ["Newer", "Older"],
  label = "Pages",
}: {
  pageInfo: RangeFragment;
  count: string;
  go: (range: PageRange) => void;
  words?: [string, string];
  label?: string;
}) {
  const { hasNextPage, hasPreviousPage } = pageInfo;
  return (
    <Group justify="space-between">
      <Text size="sm" c="dimmed">
        {count}
      </Text>
      {(hasNextPage || hasPreviousPage) && (
        <Group component="nav" gap="xs" aria-label={label}>
          <Button
            variant="default"
            size="xs"
            disabled={!hasPreviousPage}
            leftSection={<IconChevronLeft size={14} aria-hidden />}
            onClick={() => go(previousPage(pageInfo))}
          >
            {words[0]}
          </Button>
          <Button
            variant="default"
            size="xs"
            disabled={!hasNextPage}
            rightSection={<IconChevronRight size={14} aria-hidden />}
            onClick={() => go(nextPage(pageInfo))}
          >
            {words[1]}
          </Button>
        </Group>
      )}
    </Group>
  );
}
