import { ActionIcon, Button } from "@mantine/core";
import { IconAlertTriangle, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Problem, say } from "../api/problem";

interface Props {
  error: unknown;
  /** Tries the same again. */
  retry?: (() => void) | undefined;
  onClose?: (() => void) | undefined;
}

/** Refusal says why something was not done, in the place where it was asked for, and what helps. */
export function Refusal({ error, retry, onClose }: Props) {
  const { t } = useTranslation();
  // What is wrong with the request itself stays wrong.
  const worth = retry && (!(error instanceof Problem) || ![401, 403, 404, 422].includes(error.status));
  return (
    <span className="refusal" role="alert">
      <IconAlertTriangle size={16} aria-hidden />
      <span className="refusal-text">{say(error, t)}</span>
      {worth && (
        <Button
          size="compact-xs"
          variant="default"
          onClick={(e) => {
            e.stopPropagation();
            retry();
          }}
        >
          {t("action.retry")}
        </Button>
      )}
      {onClose && (
        <ActionIcon
          size="sm"
          variant="subtle"
          color="gray"
          onClick={(e) => {
            e.stopPropagation();
            onClose();
          }}
          aria-label={t("action.close")}
        >
          <IconX size={14} />
        </ActionIcon>
      )}
    </span>
  );
}
