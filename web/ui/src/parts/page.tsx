import { Group, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { setPageTitle } from "../app/title";

/** Page is the frame of a page: its heading, which also names the tab, and the page's actions beside it. */
export function Page({
  title,
  name,
  actions,
  children,
}: {
  title: ReactNode;
  name: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  useEffect(() => setPageTitle(name), [name]);
  return (
    <div className="page">
      <Group className="page-head" justify="space-between" gap="sm" mih={36}>
        <Title order={1}>{title}</Title>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </div>
  );
}
