// What a list or page shows when it has nothing, not yet anything, or failed.
import { Button, Center, Loader, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { say } from "../api/problem";

export function Empty({
  icon,
  title,
  body,
  children,
}: {
  icon: ReactNode;
  title: string;
  body: ReactNode;
  children?: ReactNode;
}) {
  return (
    <Stack className="empty" align="center" gap="xs" role="status">
      <span className="empty-icon" aria-hidden>
        {icon}
      </span>
      <Text fw={600}>{title}</Text>
      <Text c="dimmed" ta="center" maw={480}>
        {body}
      </Text>
      {children}
    </Stack>
  );
}

export function Loading() {
  const { t } = useTranslation();
  return (
    <Center p="xl" role="status" aria-label={t("app.loading")}>
      <Loader size="sm" />
    </Center>
  );
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  return (
    <Stack className="empty" align="center" gap="xs" role="alert">
      <span className="empty-icon" aria-hidden>
        <IconAlertTriangle size={28} stroke={1.5} />
      </span>
      <Text fw={600}>{t("error.title")}</Text>
      <Text c="dimmed" ta="center" maw={480}>
        {say(error, t)}
      </Text>
      {retry && (
        <Button variant="default" onClick={retry}>
          {t("action.retry")}
        </Button>
      )}
    </Stack>
  );
}
