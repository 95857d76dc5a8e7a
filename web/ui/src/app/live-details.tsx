import { Popover, Stack, Text } from "@mantine/core";
import type { ReactElement } from "react";

/** LiveDetails says on a click of its child what is live and what is not, a sentence each. */
export default function LiveDetails({ details, children }: { details: string[]; children: ReactElement }) {
  return (
    <Popover width={320} position="bottom-end" withArrow shadow="sm">
      <Popover.Target>{children}</Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          {details.map((text) => (
            <Text size="xs" key={text}>
              {text}
            </Text>
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
