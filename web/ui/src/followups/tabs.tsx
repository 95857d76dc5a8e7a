// What is to be done for customers who wait: the pages of it, side by side.
import { Box } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import bar from "../calls/view-bar.module.css";

const pages = [
  { to: "/follow-ups", word: "followUps.pageTitle" },
  { to: "/missed", word: "missed.title" },
] as const;

/** FollowUpTabs leads from one to the other. */
export function FollowUpTabs() {
  const { t } = useTranslation();
  return (
    <Box component="nav" mb="sm" className={bar.views} aria-label={t("followUps.tabs")}>
      {pages.map((p) => (
        <Link key={p.to} to={p.to} className={bar.view} activeProps={{ "aria-current": "page" }}>
          {t(p.word)}
        </Link>
      ))}
    </Box>
  );
}
