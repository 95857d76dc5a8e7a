// What a state can be set to: the items of a menu.
import { Menu } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { pauseReasons } from "../api/queries";
import type { Standing, StateInput } from "../api/types";
import { useSpoken } from "../text/use-spoken";
import { PresenceDot } from "./presence";
import { reasonIn } from "./reason";

interface Props {
  state: Standing;
  onChoose: (choice: StateInput) => void;
}

export function StateItems({ state: s, onChoose }: Props) {
  const { t } = useTranslation();
  const spoken = useSpoken();
  const reasons = useQuery(pauseReasons()).data?.items ?? [];
  const wrapUp = s.state === "wrap_up";
  const is = (state: Standing["state_chosen"], reason: string | null = null) =>
    !wrapUp && s.state_chosen === state && s.state_reason_id === reason
      ? { "aria-current": true as const, rightSection: <IconCheck size={16} aria-hidden /> }
      : {};
  return (
    <>
      <Menu.Item
        leftSection={<PresenceDot state="available" />}
        onClick={() => onChoose({ state: "available" })}
        {...is("available")}
      >
        {t(wrapUp ? "states.ready" : "states.available")}
        <span className="menu-detail">{t(wrapUp ? "states.readyBody" : "states.availableBody")}</span>
      </Menu.Item>
      <Menu.Label>{t("states.pause")}</Menu.Label>
      {reasons.map((r) => (
        <Menu.Item
          key={r.id}
          leftSection={<PresenceDot state="paused" />}
          onClick={() => onChoose({ state: "paused", reason_id: r.id })}
          {...is("paused", r.id)}
        >
          <bdi>{reasonIn(r, spoken)}</bdi>
        </Menu.Item>
      ))}
      <Menu.Item
        leftSection={<PresenceDot state="paused" />}
        onClick={() => onChoose({ state: "paused" })}
        {...is("paused")}
      >
        {t(reasons.length > 0 ? "states.pausePlain" : "states.pause")}
      </Menu.Item>
      <Menu.Divider />
      <Menu.Item
        leftSection={<PresenceDot state="offline" />}
        onClick={() => onChoose({ state: "offline" })}
        {...is("offline")}
      >
        {t("states.offline")}
        <span className="menu-detail">{t("states.offlineBody")}</span>
      </Menu.Item>
    </>
  );
}
