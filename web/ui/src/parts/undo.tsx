import { Button, Group } from "@mantine/core";
import i18next from "i18next";
import { show } from "./notice";

/** offerUndo says what was done, for ten seconds, with a button that takes it back. It returns what hides it. */
export function offerUndo(message: string, undo: () => void): Promise<() => void> {
  const hide = show({
    autoClose: 10_000,
    message: (
      <Group justify="space-between" wrap="nowrap">
        <span>{message}</span>
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => {
            void hide.then((h) => h());
            undo();
          }}
        >
          {i18next.t("action.undo")}
        </Button>
      </Group>
    ),
  });
  return hide;
}
