// Saved views of the calls: one's own and the team's, as a row of links, and what can be done with the one that is open.
import "../app/rest.css";
import { Button, Menu, UnstyledButton } from "@mantine/core";
import { IconBookmark, IconChevronDown, IconStarFilled } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { queryClient, views as viewsQuery } from "../api/queries";
import type { SavedView } from "../api/types";
import { useMay } from "../app/may";
import { complain, notice } from "../parts/notice";
import { offerUndo } from "../parts/undo";
import { type CallSearch, filters, saved, written } from "./search";
import styles from "./view-bar.module.css";

const ViewDialog = lazy(() => import("./view-dialog"));

type Change = { name?: string; query?: string; position?: number; default?: boolean };

const refresh = () => queryClient.invalidateQueries({ queryKey: ["views"] });

async function change(v: SavedView, body: Change): Promise<boolean> {
  try {
    await got(api.PATCH("/api/v1/views/{id}", { params: { path: { id: v.id } }, body }));
    return true;
  } catch (error) {
    complain(error);
    return false;
  } finally {
    await refresh();
  }
}

export function ViewBar({ search }: { search: CallSearch }) {
  const { t } = useTranslation();
  const navigate = useNavigate({ from: "/calls" });
  const may = useMay("views.write");
  const list = useQuery({ ...viewsQuery, retry: false });
  const items = list.data?.items ?? [];
  const current = items.find((v) => v.id === search.view);
  const now = written(search);
  const changed = current !== undefined && written(saved(current.query)) !== now;
  const [dialog, setDialog] = useState<"new" | "rename" | null>(null);

  const open = useCallback(
    (v: SavedView) => {
      if (v.gone.length > 0) {
        const what = v.gone.map((g) => t(`view.goneWhat.${g as "agent"}`)).join(t("app.comma"));
        notice(t("view.gone", { name: v.name, what }));
      }
      void navigate({ search: { ...saved(v.query, v.gone), view: v.id }, replace: true });
    },
    [navigate, t],
  );

  // Who comes without any filter gets the view that the page opens with: once, when the page is entered.
  const entered = useRef(Object.keys(search).length > 0);
  useEffect(() => {
    if (entered.current || !list.data) return;
    entered.current = true;
    const first = list.data.items.find((v) => v.default);
    if (first) open(first);
  }, [list.data, open]);

  const remove = async (v: SavedView) => {
    try {
      await got(api.DELETE("/api/v1/views/{id}", { params: { path: { id: v.id } } }));
    } catch (error) {
      complain(error);
      return;
    } finally {
      await refresh();
    }
    void navigate({ search: { ...filters(search), view: "all" }, replace: true });
    void offerUndo(t("view.deleted", { name: v.name }), () => {
      got(api.POST("/api/v1/views/{id}/restore", { params: { path: { id: v.id } } })).then(refresh, complain);
    });
  };

  if (may === null || (items.length === 0 && now === "")) return null;
  const own = current ? items.filter((v) => v.team_id === current.team_id) : [];
  const place = current ? own.indexOf(current) : -1;
  return (
    <div className={styles.bar}>
      <nav className={styles.views} aria-label={t("view.label")}>
        <Link
          to="/calls"
          search={{ view: "all" }}
          replace
          className={styles.view}
          aria-current={!current ? "page" : undefined}
          activeOptions={{ exact: true, includeSearch: true }}
        >
          {t("view.all")}
        </Link>
        {items.map((v) => {
          const is = v === current;
          const label = is && changed ? t("view.changedLabel", { name: v.name }) : v.name;
          return (
            <UnstyledButton
              key={v.id}
              className={styles.view}
              aria-current={is ? "page" : undefined}
              aria-label={v.default ? `${label} (${t("view.default")})` : label}
              title={v.team ? t("view.team", { name: v.team }) : undefined}
              onClick={() => open(v)}
            >
              <bdi>{v.name}</bdi>
              {v.default && <IconStarFilled size={10} aria-hidden />}
              {is && changed && <span className={styles.changed}>{t("view.changed")}</span>}
            </UnstyledButton>
          );
        })}
      </nav>
      {current ? (
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <Button size="compact-sm" variant="default" rightSection={<IconChevronDown size={14} />}>
              {t("view.menu")}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {changed && current.writable && (
              <Menu.Item
                onClick={async () =>
                  (await change(current, { query: now })) && notice(t("view.saved", { name: current.name }))
                }
              >
                {t("view.save")}
              </Menu.Item>
            )}
            {changed && <Menu.Item onClick={() => open(current)}>{t("view.revert")}</Menu.Item>}
            <Menu.Item onClick={() => setDialog("new")}>{t("view.saveAs")}</Menu.Item>
            <Menu.Item onClick={() => void change(current, { default: !current.default })}>
              {current.default ? t("view.noDefault") : t("view.makeDefault")}
            </Menu.Item>
            {current.writable ? (
              <>
                <Menu.Divider />
                <Menu.Item onClick={() => setDialog("rename")}>{t("view.rename")}</Menu.Item>
                <Menu.Item disabled={place <= 0} onClick={() => void change(current, { position: place - 1 })}>
                  {t("view.earlier")}
                </Menu.Item>
                <Menu.Item
                  disabled={place >= own.length - 1}
                  onClick={() => void change(current, { position: place + 1 })}
                >
                  {t("view.later")}
                </Menu.Item>
                <Menu.Item onClick={() => void remove(current)}>{t("view.remove")}</Menu.Item>
              </>
            ) : (
              <Menu.Label maw={260}>{t("view.readOnly")}</Menu.Label>
            )}
          </Menu.Dropdown>
        </Menu>
      ) : (
        now !== "" && (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconBookmark size={14} />}
            onClick={() => setDialog("new")}
          >
            {t("view.saveAs")}
          </Button>
        )
      )}
      {dialog && (
        <Suspense fallback={null}>
          <ViewDialog
            query={now}
            rename={dialog === "rename" ? current : undefined}
            onClose={() => setDialog(null)}
            onSaved={(v) => {
              setDialog(null);
              void refresh();
              if (dialog === "new") {
                notice(t("view.saved", { name: v.name }));
                void navigate({ search: { ...filters(search), view: v.id }, replace: true });
              } else if (current) {
                const before = current.name;
                void offerUndo(t("view.renamed", { name: v.name }), () => void change(v, { name: before }));
              }
            }}
          />
        </Suspense>
      )}
    </div>
  );
}
