import { ActionIcon, type ActionIconProps } from "@mantine/core";
import { IconUserCircle } from "@tabler/icons-react";
import type { ComponentProps } from "react";
import { useTranslation } from "react-i18next";

type Props = ActionIconProps & ComponentProps<"button"> & { name: string };

/** AccountButton opens the menu of who is logged in; it stands before the menu itself is loaded. */
export function AccountButton({ name, ...props }: Props) {
  const { t } = useTranslation();
  return (
    <ActionIcon variant="subtle" color="gray" size={36} aria-label={`${t("app.account")}: ${name}`} {...props}>
      <IconUserCircle size={22} stroke={1.6} />
    </ActionIcon>
  );
}
