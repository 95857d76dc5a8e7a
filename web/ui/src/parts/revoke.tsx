import { Button, Group } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

/** Revoke is the button that ends a token or a link for good: nothing takes that back, so it asks first, in its place. */
export function Revoke({ name, busy, onRevoke }: { name: string; busy: boolean; onRevoke: () => void }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState(false);
  const word = t("tokens.revoke");
  if (!asked) {
    return (
      <Button size="compact-sm" variant="default" onClick={() => setAsked(true)} aria-label={`${word}: ${name}`}>
        {word}
      </Button>
    );
  }
  return (
    <Group
      gap={6}
      justify="flex-end"
      wrap="nowrap"
      role="group"
      aria-label={t("tokens.sure", { name })}
      onKeyDown={(e) => e.key === "Escape" && setAsked(false)}
    >
      <Button size="compact-sm" color="red" loading={busy} onClick={onRevoke}>
        {t("tokens.forGood")}
      </Button>
      <Button size="compact-sm" variant="default" autoFocus onClick={() => setAsked(false)}>
        {t("action.cancel")}
      </Button>
    </Group>
  );
}
