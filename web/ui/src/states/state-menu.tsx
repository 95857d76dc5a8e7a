// The state picker: what I am, who made me so, what I can be, and whether the exchange's queues follow.
import "../app/rest.css";
import { Button, Menu, Text } from "@mantine/core";
import { IconCalendarTime } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { queryClient } from "../api/queries";
import type { Desk, StateInput } from "../api/types";
import { announce } from "../app/announce";
import { useMay } from "../app/may";
import { useKeys } from "../app/use-keys";
import { Hint } from "../parts/hint";
import { Refusal } from "../parts/refusal";
import { useSpoken } from "../text/use-spoken";
import { notFollowed, reasonOf } from "./reason";
import { StateButton } from "./state-button";
import { StateItems } from "./state-items";

export default function StateMenu({ desk }: { desk: Desk }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const may = useMay("states.write");
  const set = useMutation({
    mutationFn: (body: StateInput) => got(api.PUT("/api/v1/me/state", { body })),
    onSuccess: (_, { state }) => {
      announce(t(`states.set.${state}`));
      setOpened(false);
      void queryClient.invalidateQueries({ queryKey: ["states"] });
    },
    // Whatever was pressed, why it failed is told here.
    onError: () => setOpened(true),
  });
  const choose = (body: StateInput) => !set.isPending && set.mutate(body);
  useTold(desk);
  useKeys({
    pause: () => {
      if (!may) return;
      if (["paused", "offline", "wrap_up"].includes(desk.state)) choose({ state: "available" });
      else setOpened(true);
    },
  });

  return (
    <>
      <Menu
        opened={opened}
        onChange={(o) => {
          setOpened(o);
          if (o) set.reset();
        }}
        closeOnItemClick={false}
        position="bottom-end"
        withInitialFocusPlaceholder={false}
        width={280}
        withinPortal
        disabled={!may}
      >
        <Menu.Target>
          <StateButton desk={desk} />
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>
            {t(`states.by.${desk.state_by}`)}
            {["ringing", "talking"].includes(desk.state) && (
              <span className="menu-detail">{t("states.after", { state: t(`state.${desk.state_chosen}`) })}</span>
            )}
          </Menu.Label>
          {desk.state_synced !== "" && (
            <Text size="xs" px="sm" pb="xs" {...(notFollowed(desk) ? { className: "warn" } : { c: "dimmed" })}>
              {t(`states.synced.${desk.state_synced}`)}
            </Text>
          )}
          {set.error && (
            <div className="menu-refusal">
              <Refusal error={set.error} onClose={set.reset} />
            </div>
          )}
          <StateItems state={desk} onChoose={choose} />
          <Menu.Divider />
          <Menu.Item
            component={Link}
            to="/day"
            leftSection={<IconCalendarTime size={16} />}
            onClick={() => setOpened(false)}
          >
            {t("states.myDay")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {desk.state === "wrap_up" && (
        <Hint label={t("states.readyBody")}>
          <Button size="compact-sm" loading={set.isPending} onClick={() => choose({ state: "available" })}>
            {t("states.ready")}
          </Button>
        </Hint>
      )}
    </>
  );
}

/** useTold says that somebody else, or the phone, has changed my state. */
function useTold(desk: Desk): void {
  const { t } = useTranslation();
  const spoken = useSpoken();
  const before = useRef(desk.state_since);
  useEffect(() => {
    if (before.current === desk.state_since) return;
    before.current = desk.state_since;
    if (desk.state_by !== "phone" && desk.state_by !== "supervisor") return;
    if (!["available", "paused", "offline"].includes(desk.state)) return;
    const state = [t(`state.${desk.state}`), reasonOf(desk, spoken)].filter(Boolean).join(t("states.colon"));
    announce(t(`states.changedAt.${desk.state_by}`, { state }));
  }, [desk, t, spoken]);
}
