// How I stand, in the page's head: the word, the reason of a pause, and for how long by the server's clock.
import { UnstyledButton } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ComponentProps } from "react";
import { useTranslation } from "react-i18next";
import type { Desk } from "../api/types";
import { ariaKeys } from "../app/keymap";
import { useSpoken } from "../text/use-spoken";
import { PresenceDot, PresenceText } from "./presence";
import { notFollowed, reasonOf } from "./reason";

type Props = ComponentProps<"button"> & { desk: Desk };

/** StateButton opens the menu; it stands before the menu itself is loaded. */
export function StateButton({ desk, className = "", ...props }: Props) {
  const { t } = useTranslation();
  const spoken = useSpoken();
  return (
    <UnstyledButton
      className={`desk-state ${className}`}
      data-state={desk.state}
      aria-keyshortcuts={ariaKeys("pause")}
      {...props}
    >
      <span className="visually-hidden">{t("states.choose")}</span>
      <PresenceDot state={desk.state} />
      <PresenceText state={desk.state} reason={reasonOf(desk, spoken)} since={desk.state_since} />
      {notFollowed(desk) && (
        <IconAlertTriangle size={16} className="warn" role="img" aria-label={t("states.notFollowedShort")} />
      )}
    </UnstyledButton>
  );
}
