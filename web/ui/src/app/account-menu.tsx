// What the person who is logged in may choose anywhere: preferences, the language, the keys, the way out.
import "./rest.css";
import { Menu } from "@mantine/core";
import { IconKeyboard, IconLanguage, IconLogout, IconSettings } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api } from "../api/client";
import { queryClient } from "../api/queries";
import { Key } from "../parts/text";
import { AccountButton } from "./account-button";
import { choose } from "./choose";
import { end } from "./session";

export default function AccountMenu({ name, onHelp }: { name: string; onHelp: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const logout = async () => {
    await api.DELETE("/api/v1/session");
    end();
    queryClient.clear();
    void navigate({ to: "/login" });
  };
  return (
    <Menu position="bottom-end" width={220} withinPortal>
      <Menu.Target>
        <AccountButton name={name} />
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{name}</Menu.Label>
        <Menu.Item leftSection={<IconSettings size={16} />} component={Link} to="/settings/me">
          {t("settings.preferences")}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconLanguage size={16} />}
          onClick={() => choose({ language: t("app.otherLanguage") === "English" ? "en" : "fa" })}
        >
          {t("app.otherLanguage")}
        </Menu.Item>
        <Menu.Item leftSection={<IconKeyboard size={16} />} rightSection={<Key id="help" />} onClick={onHelp}>
          {t("keys.title")}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void logout()}>
          {t("app.logout")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
