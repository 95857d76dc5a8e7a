import { Anchor } from "@mantine/core";
import { IconMapQuestion } from "@tabler/icons-react";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { onLostSession } from "../api/client";
import { queryClient } from "../api/queries";
import { Empty } from "../parts/states";
import { current, end } from "./session";

/** Root is around every page, logged in or not: it takes a lost session to the log-in page and back. */
export function Root() {
  const navigate = useNavigate();
  useEffect(
    () =>
      onLostSession(() => {
        if (location.pathname === "/login") return;
        const kept = (current()?.drafts.unsaved() ?? 0) > 0;
        const next = location.pathname + location.search;
        end();
        queryClient.clear();
        void navigate({ to: "/login", search: { next, ...(kept ? { kept: "1" as const } : {}) } });
      }),
    [navigate],
  );
  return <Outlet />;
}

export function NoPage() {
  const { t } = useTranslation();
  return (
    <Empty
      icon={<IconMapQuestion size={28} stroke={1.5} />}
      title={t("error.noPage")}
      body={
        <Anchor component={Link} to="/desk">
          {t("nav.desk")}
        </Anchor>
      }
    />
  );
}
