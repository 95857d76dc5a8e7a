// The frame around every page: where to go, who I am, whether all is live, and what rings while another page is open.
import { Alert, Box, Button, Group, Text, UnstyledButton } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconPhoneIncoming, IconSearch } from "@tabler/icons-react";
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { me as meQuery, status } from "../api/queries";
import { incoming } from "../desk/pop";
import { isLive, useDesk } from "../desk/store";
import { MissedCount } from "../missed/count";
import { Hint } from "../parts/hint";
import { Key } from "../parts/text";
import { StateButton } from "../states/state-button";
import { withWords } from "../text/i18n";
import { useFormat } from "../text/use-format";
import { AccountButton } from "./account-button";
import { Attention, saidOf } from "./attention";
import { ariaKeys } from "./keymap";
import { LiveDot, TroubleBanner } from "./live";
import { type PageLink, pagesOf } from "./pages";
import { begin, current } from "./session";
import { useKeys } from "./use-keys";

const AccountMenu = lazy(() => import("./account-menu"));
const Find = lazy(() => import("./find"));
const KeysHelp = lazy(withWords(() => import("./keys-help")));
const Offer = lazy(withWords(() => import("../desk/offer")));
const StateMenu = lazy(() => import("../states/state-menu"));

export function Shell() {
  const { t } = useTranslation();
  const me = useSuspenseQuery(meQuery).data;
  const [finding, setFinding] = useState(0);
  const [help, setHelp] = useState(false);
  const navigate = useNavigate();
  const narrow = useMediaQuery("(max-width: 47.99em)", window.innerWidth < 768);

  useEffect(() => {
    begin(me);
  }, [me]);
  useReceipts();
  const stale = useNewVersion(me.version);
  const mine = pagesOf(me);

  useKeys({
    find: () => setFinding((n) => n + 1),
    help: () => setHelp(true),
    goDesk: () => void navigate({ to: "/desk" }),
    goFollowUps: () => void navigate({ to: "/follow-ups" }),
    goMissed: () => void navigate({ to: "/missed" }),
    goCalls: () => void navigate({ to: "/calls" }),
    goCustomers: () => void navigate({ to: "/customers" }),
    goSettings: () => void navigate({ to: "/settings" }),
    goFloor: () => void (mine.some((p) => p.to === "/floor") && navigate({ to: "/floor" })),
  });

  return (
    <>
      <a href="#main" className="skip">
        {t("app.skip")}
      </a>
      <div className="shell">
        <header className="header">
          <Link to="/desk" className="brand" aria-label={t("app.name")}>
            <img src="/icon.svg" alt="" width={24} height={24} />
            <span>{t("app.name")}</span>
          </Link>
          <UnstyledButton
            className="search"
            onClick={() => setFinding((n) => n + 1)}
            aria-keyshortcuts={ariaKeys("find")}
          >
            <IconSearch size={16} aria-hidden />
            <span className="search-text">{t("find.placeholder")}</span>
            <Box component="span" visibleFrom="sm">
              <Key id="find" />
            </Box>
          </UnstyledButton>
          <Group gap={4} wrap="nowrap">
            <MyState />
            <LiveDot />
            <Suspense fallback={<AccountButton name={me.agent.name} />}>
              <AccountMenu name={me.agent.name} onHelp={() => setHelp(true)} />
            </Suspense>
          </Group>
        </header>
        {narrow ? (
          <nav className="tabs" aria-label={t("nav.label")}>
            {mine.map((p) => (
              <Link key={p.to} to={p.to} className="tab" activeProps={{ "data-active": true }}>
                <p.icon size={22} stroke={1.6} aria-hidden />
                <span>{t(p.word)}</span>
                {p.to === "/missed" && <MissedCount />}
              </Link>
            ))}
          </nav>
        ) : (
          <nav className="nav" aria-label={t("nav.label")}>
            {mine.map((p) => (
              <NavItem key={p.to} page={p} />
            ))}
          </nav>
        )}
        <main id="main" className="main" tabIndex={-1}>
          <TroubleBanner />
          {stale && (
            <Alert variant="light" radius={0} py={8} role="status">
              <Group justify="space-between" gap="sm">
                <Text size="xs">{t("app.newVersion")}</Text>
                <Button size="compact-xs" variant="default" onClick={() => location.reload()}>
                  {t("app.reload")}
                </Button>
              </Group>
            </Alert>
          )}
          <RingBanner />
          <Offered />
          <Suspense>
            <Outlet />
          </Suspense>
        </main>
      </div>
      <Attention />
      <Suspense>
        {finding > 0 && <Find asked={finding} />}
        {help && <KeysHelp onClose={() => setHelp(false)} />}
      </Suspense>
    </>
  );
}

function NavItem({ page: { to, word, icon: Icon, keys: id } }: { page: PageLink }) {
  const { t } = useTranslation();
  return (
    <Hint label={<Key id={id} />} position="right">
      <Link to={to} className="nav-item" activeProps={{ "data-active": true }} aria-keyshortcuts={ariaKeys(id)}>
        <Icon size={20} stroke={1.6} aria-hidden />
        <span>{t(word)}</span>
        {to === "/missed" && <MissedCount />}
      </Link>
    </Hint>
  );
}

function MyState() {
  const { desk } = useDesk();
  if (!desk) return null;
  return (
    <Suspense fallback={<StateButton desk={desk} />}>
      <StateMenu desk={desk} />
    </Suspense>
  );
}

/** RingBanner keeps a ring in sight on the pages that are not the desk. */
function RingBanner() {
  const { t } = useTranslation();
  const f = useFormat();
  const { desk } = useDesk();
  const onDesk = useLocation({ select: (l) => l.pathname === "/desk" });
  const p = desk?.calls.find((c) => c.state === "ringing" && incoming(c, desk));
  if (!desk || !p || onDesk) return null;
  return (
    <Group className="ring-banner" justify="space-between" wrap="nowrap" gap="sm">
      <Group gap="xs" wrap="nowrap">
        <IconPhoneIncoming size={20} aria-hidden />
        <Text fw={600}>{t("desk.ringAnnounce", { who: saidOf(p, desk, t, f) })}</Text>
      </Group>
      <Button size="compact-sm" variant="white" component={Link} to="/desk">
        {t("nav.desk")}
      </Button>
    </Group>
  );
}

/** Offered shows what is due, where there is anything to do. */
function Offered() {
  const { desk } = useDesk();
  if (!desk || desk.follow_ups.items.length === 0) return null;
  return (
    <Suspense>
      <Offer desk={desk} />
    </Suspense>
  );
}

/** useReceipts tells the server that a picture has been drawn: after the next frame, or at once where none is drawn. */
function useReceipts(): void {
  const { seq } = useDesk();
  useEffect(() => {
    if (seq === 0) return;
    const seen = () => current()?.socket.seen(seq);
    if (document.visibilityState === "hidden") {
      seen();
      return;
    }
    const frame = requestAnimationFrame(seen);
    return () => cancelAnimationFrame(frame);
  }, [seq]);
}

/** useNewVersion reloads the page for a new server when nothing is going on here, and else leaves it be until then. */
function useNewVersion(loaded: string): boolean {
  const running = useQuery({ ...status, select: (s) => s.version }).data;
  const { desk } = useDesk();
  const busy = desk?.calls.some((p) => isLive(p.state)) ?? false;
  const stale = running !== undefined && running !== loaded;
  useEffect(() => {
    if (!stale || busy) return;
    // Idle: no key and no pointer for a minute, or nobody looking.
    let timer: ReturnType<typeof setTimeout>;
    const again = () => {
      clearTimeout(timer);
      timer = setTimeout(() => location.reload(), document.visibilityState === "hidden" ? 1000 : 60_000);
    };
    const events = ["keydown", "pointerdown", "visibilitychange"] as const;
    for (const e of events) document.addEventListener(e, again);
    again();
    return () => {
      clearTimeout(timer);
      for (const e of events) document.removeEventListener(e, again);
    };
  }, [stale, busy]);
  return stale;
}
