// What a state can be set to: the items of a menu.
import { Menu } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { pauseReasons } from "../api/queries";
import type { AgentState, StateInput } from "../api/types";
import { useSpoken } from "../text/use-spoken";
import { PresenceDot } from "./presence";
import { reasonIn } from "./reason";

interface Props {
  state: AgentState;
  onChoose: (choice: StateInput) => void;
}

export function StateItems({ state, onChoose }: Props) {
  const { t } = useTranslation();
  const spoken = useSpoken();
  const reasons = useQuery(pauseReasons()).data?.items ?? [];
  const wrapUp = state === "wrap_up";
  return (
    <>
      <Menu.Item leftSection={<PresenceDot state="available" />} onClick={() => onChoose({ state: "available" })}>
        {t(wrapUp ? "states.ready" : "states.available")}
        <span className="menu-detail">{t(wrapUp ? "states.readyBody" : "states.availableBody")}</span>
      </Menu.Item>
      <Menu.Label>{t("states.pause")}</Menu.Label>
      {reasons.map((r) => (
        <Menu.Item
          key={r.id}
          leftSection={<PresenceDot state="paused" />}
          onClick={() => onChoose({ state: "paused", reason_id: r.id })}
        >
          <bdi>{reasonIn(r, spoken)}</bdi>
        </Menu.Item>
      ))}
      <Menu.Item leftSection={<PresenceDot state="paused" />} onClick={() => onChoose({ state: "paused" })}>
        {t(reasons.length > 0 ? "states.pausePlain" : "states.pause")}
      </Menu.Item>
      <Menu.Divider />
      <Menu.Item leftSection={<PresenceDot state="offline" />} onClick={() => onChoose({ state: "offline" })}>
        {t("states.offline")}
        <span className="menu-detail">{t("states.offlineBody")}</span>
      </Menu.Item>
    </>
  );
}
