// How an agent stands, for who leads the team: to see, to change, and the way to the agent's day.
import "../app/rest.css";
import { Button, Menu } from "@mantine/core";
import { IconAlertTriangle, IconCalendarTime } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { queryClient } from "../api/queries";
import type { Standing, StateInput } from "../api/types";
import { announce } from "../app/announce";
import { Refusal } from "../parts/refusal";
import { useSpoken } from "../text/use-spoken";
import { PresenceDot, PresenceText } from "./presence";
import { notFollowed, reasonOf } from "./reason";
import { StateItems } from "./state-items";

interface Props {
  agent: { id: string; name: string };
  standing: Standing;
  may: boolean;
}

export function AgentState({ agent, standing: s, may }: Props) {
  const { t } = useTranslation();
  const spoken = useSpoken();
  const [opened, setOpened] = useState(false);
  const set = useMutation({
    mutationFn: (body: StateInput) =>
      got(api.PUT("/api/v1/agents/{id}/state", { params: { path: { id: agent.id } }, body })),
    onSuccess: (_, { state }) => {
      announce(t("states.setDone", { name: agent.name, state: t(`state.${state}`) }));
      setOpened(false);
      void queryClient.invalidateQueries({ queryKey: ["states"] });
    },
  });
  return (
    <Menu
      opened={opened}
      onChange={(o) => {
        setOpened(o);
        set.reset();
      }}
      closeOnItemClick={false}
      position="bottom-start"
      withInitialFocusPlaceholder={false}
      width={280}
      withinPortal
    >
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          className="agent-state"
          leftSection={<PresenceDot state={s.state} />}
          rightSection={
            notFollowed(s) && (
              <IconAlertTriangle size={16} className="warn" role="img" aria-label={t("states.notFollowedShort")} />
            )
          }
        >
          <span className="visually-hidden">{t("states.ofAgent", { name: agent.name })}</span>
          <PresenceText state={s.state} reason={reasonOf(s, spoken)} since={s.state_since} />
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {t(`states.by.${s.state_by}`)}
          {s.state_synced !== "" && <span className="menu-detail">{t(`states.synced.${s.state_synced}`)}</span>}
        </Menu.Label>
        {set.error && (
          <div className="menu-refusal">
            <Refusal error={set.error} onClose={set.reset} />
          </div>
        )}
        {may && <StateItems state={s} onChoose={(body) => !set.isPending && set.mutate(body)} />}
        {may && <Menu.Divider />}
        <Menu.Item component={Link} to={`/day?agent=${agent.id}`} leftSection={<IconCalendarTime size={16} />}>
          {t("states.dayOf", { name: agent.name })}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
