// The pages and their addresses. Every page is its own chunk; what a list shows is in its address.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { Problem } from "../api/problem";
import { me, queryClient, setup } from "../api/queries";
import type { Role } from "../api/types";
import { readCallSearch, readDaySearch } from "../calls/search";
import { readCustomerSearch } from "../customers/search";
import { readFloorSearch } from "../floor/search";
import { readFollowUpSearch } from "../followups/search";
import type { MissedSearch } from "../missed/missed-page";
import { Failed, Loading } from "../parts/states";
import { readPhoneSearch } from "../settings/phone";
import { readQueueSearch } from "../settings/queue";
import { withWords } from "../text/i18n";
import { setTimeZone } from "../text/zone";
import { NoPage, Root } from "./root";

const shell = () => import("./shell");
const deskPage = () => import("../desk/desk-page");
// Most come for the desk: it is on its way before anything else is known.
if (["/", "/desk"].includes(location.pathname)) {
  void shell();
  void deskPage();
}

const root = createRootRoute({ component: Root, notFoundComponent: NoPage });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (s: Record<string, unknown>): { next?: string; kept?: "1" } => ({
    ...(typeof s.next === "string" && s.next.startsWith("/") && !s.next.startsWith("//") ? { next: s.next } : {}),
    ...(s.kept === "1" ? { kept: "1" as const } : {}),
  }),
  component: lazyRouteComponent(() => import("../login/login-page"), "LoginPage"),
});

/** work is where the day of whoever is logged in begins. */
async function work() {
  let role: Role;
  try {
    role = (await queryClient.ensureQueryData(me)).agent.role;
  } catch {
    return "/desk"; // which says what is wrong, or asks for a log-in
  }
  if (role === "sales") return "/follow-ups";
  if (role === "supervisor") return "/floor";
  if (role !== "admin") return "/desk";
  const open = await queryClient.fetchQuery(setup).catch(() => null);
  return open && !open.done ? "/settings/setup" : "/floor";
}

const inside = createRoute({
  getParentRoute: () => root,
  id: "inside",
  component: lazyRouteComponent(shell, "Shell"),
  pendingComponent: Loading,
  errorComponent: ({ error, reset }) => <Failed error={error} retry={reset} />,
  beforeLoad: async ({ location }) => {
    try {
      setTimeZone((await queryClient.ensureQueryData(me)).time_zone);
    } catch (e) {
      if (e instanceof Problem && e.status === 401) throw redirect({ to: "/login", search: { next: location.href } });
      throw e;
    }
  },
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: async () => {
    throw redirect({ to: await work() });
  },
});
const desk = createRoute({
  getParentRoute: () => inside,
  path: "/desk",
  component: lazyRouteComponent(deskPage, "DeskPage"),
});
const missed = createRoute({
  getParentRoute: () => inside,
  path: "/missed",
  validateSearch: (s: Record<string, unknown>): MissedSearch => ({
    ...(typeof s.queue === "string" && s.queue !== "" ? { queue: s.queue } : {}),
    ...(typeof s.team === "string" && s.team !== "" ? { team: s.team } : {}),
    ...(s.claimed === "true" || s.claimed === "false" ? { claimed: s.claimed } : {}),
  }),
  component: lazyRouteComponent(
    withWords(() => import("../missed/missed-page")),
    "MissedPage",
  ),
});
const calls = createRoute({
  getParentRoute: () => inside,
  path: "/calls",
  validateSearch: readCallSearch,
  component: lazyRouteComponent(
    withWords(() => import("../calls/calls-page")),
    "CallsPage",
  ),
});
const call = createRoute({
  getParentRoute: () => inside,
  path: "/calls/$id",
  component: lazyRouteComponent(
    withWords(() => import("../calls/call-page")),
    "CallPage",
  ),
});
const customers = createRoute({
  getParentRoute: () => inside,
  path: "/customers",
  validateSearch: readCustomerSearch,
  component: lazyRouteComponent(
    withWords(() => import("../customers/customers-page")),
    "CustomersPage",
  ),
});
const newCustomer = createRoute({
  getParentRoute: () => inside,
  path: "/customers/new",
  validateSearch: (s: Record<string, unknown>): { number?: string } =>
    typeof s.number === "string" ? { number: s.number } : {},
  component: lazyRouteComponent(
    withWords(() => import("../customers/edit-page")),
    "NewCustomerPage",
  ),
});
const customer = createRoute({
  getParentRoute: () => inside,
  path: "/customers/$id",
  component: lazyRouteComponent(
    withWords(() => import("../customers/customer-page")),
    "CustomerPage",
  ),
});
const editCustomer = createRoute({
  getParentRoute: () => inside,
  path: "/customers/$id/edit",
  component: lazyRouteComponent(
    withWords(() => import("../customers/edit-page")),
    "EditCustomerPage",
  ),
});
const followUps = createRoute({
  getParentRoute: () => inside,
  path: "/follow-ups",
  validateSearch: readFollowUpSearch,
  component: lazyRouteComponent(
    withWords(() => import("../followups/page")),
    "FollowUpsPage",
  ),
});
const day = createRoute({
  getParentRoute: () => inside,
  path: "/day",
  validateSearch: readDaySearch,
  component: lazyRouteComponent(
    withWords(() => import("../states/day-page")),
    "DayPage",
  ),
});
const floor = createRoute({
  getParentRoute: () => inside,
  path: "/floor",
  validateSearch: readFloorSearch,
  component: lazyRouteComponent(
    withWords(() => import("../floor/floor-page")),
    "FloorPage",
  ),
});
/** The screen on the wall is nobody's: its key is in the address, behind the #. */
const wallboard = createRoute({
  getParentRoute: () => root,
  path: "/wallboard",
  component: lazyRouteComponent(
    withWords(() => import("../floor/wallboard-page")),
    "WallboardPage",
  ),
});
const settings = createRoute({
  getParentRoute: () => inside,
  path: "/settings",
  component: lazyRouteComponent(
    withWords(() => import("../settings/settings-page")),
    "SettingsPage",
  ),
});
const settingsHome = createRoute({
  getParentRoute: () => settings,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/settings/me" });
  },
});
const settingsMe = createRoute({
  getParentRoute: () => settings,
  path: "/me",
  component: lazyRouteComponent(
    withWords(() => import("../settings/me-page")),
    "MePage",
  ),
});
const settingsAgents = createRoute({
  getParentRoute: () => settings,
  path: "/agents",
  validateSearch: (s: Record<string, unknown>): { archived?: "1" } => (s.archived === "1" ? { archived: "1" } : {}),
  component: lazyRouteComponent(
    withWords(() => import("../settings/agents-page")),
    "AgentsPage",
  ),
});
const settingsPhones = createRoute({
  getParentRoute: () => settings,
  path: "/phones",
  validateSearch: readPhoneSearch,
  component: lazyRouteComponent(
    withWords(() => import("../settings/phones-page")),
    "PhonesPage",
  ),
});
const settingsQueues = createRoute({
  getParentRoute: () => settings,
  path: "/queues",
  validateSearch: readQueueSearch,
  component: lazyRouteComponent(
    withWords(() => import("../settings/queues-page")),
    "QueuesPage",
  ),
});
const settingsTeams = createRoute({
  getParentRoute: () => settings,
  path: "/teams",
  component: lazyRouteComponent(
    withWords(() => import("../settings/teams-page")),
    "TeamsPage",
  ),
});
const settingsTokens = createRoute({
  getParentRoute: () => settings,
  path: "/tokens",
  component: lazyRouteComponent(
    withWords(() => import("../settings/tokens-page")),
    "TokensPage",
  ),
});

const settingsWallboards = createRoute({
  getParentRoute: () => settings,
  path: "/wallboards",
  component: lazyRouteComponent(
    withWords(() => import("../settings/wallboards-page")),
    "WallboardsPage",
  ),
});
const settingsPauses = createRoute({
  getParentRoute: () => settings,
  path: "/pauses",
  validateSearch: (s: Record<string, unknown>): { archived?: "1" } => (s.archived === "1" ? { archived: "1" } : {}),
  component: lazyRouteComponent(
    withWords(() => import("../settings/pauses-page")),
    "PausesPage",
  ),
});
const settingsDispositions = createRoute({
  getParentRoute: () => settings,
  path: "/dispositions",
  validateSearch: (s: Record<string, unknown>): { archived?: "1"; queue?: string } => ({
    ...(s.archived === "1" ? { archived: "1" as const } : {}),
    ...(typeof s.queue === "string" && s.queue !== "" ? { queue: s.queue } : {}),
  }),
  component: lazyRouteComponent(
    withWords(() => import("../settings/dispositions-page")),
    "DispositionsPage",
  ),
});
const settingsDialling = createRoute({
  getParentRoute: () => settings,
  path: "/dialling",
  component: lazyRouteComponent(
    withWords(() => import("../settings/dialling-page")),
    "DiallingPage",
  ),
});
const settingsSetup = createRoute({
  getParentRoute: () => settings,
  path: "/setup",
  component: lazyRouteComponent(
    withWords(() => import("../settings/setup-page")),
    "SetupPage",
  ),
});
const settingsHealth = createRoute({
  getParentRoute: () => settings,
  path: "/health",
  component: lazyRouteComponent(
    withWords(() => import("../settings/health-page")),
    "HealthPage",
  ),
});

const tree = root.addChildren([
  home,
  login,
  wallboard,
  inside.addChildren([
    desk,
    missed,
    calls,
    call,
    customers,
    newCustomer,
    customer,
    editCustomer,
    day,
    floor,
    followUps,
    settings.addChildren([
      settingsHome,
      settingsMe,
      settingsSetup,
      settingsAgents,
      settingsPhones,
      settingsQueues,
      settingsTeams,
      settingsTokens,
      settingsWallboards,
      settingsPauses,
      settingsDispositions,
      settingsDialling,
      settingsHealth,
    ]),
  ]),
]);

export const router = createRouter({
  routeTree: tree,
  defaultPreload: "intent",
  defaultPendingMs: 200,
  scrollRestoration: true,
  // Addresses that people can read and send: plain values, no JSON.
  parseSearch: (s) => Object.fromEntries(new URLSearchParams(s)),
  stringifySearch: (s) => {
    const p = new URLSearchParams();
    for (const [k, v] of Object.entries(s)) if (v !== undefined && v !== null && v !== "") p.set(k, String(v));
    const text = p.toString();
    return text ? `?${text}` : "";
  },
  defaultPendingComponent: Loading,
  defaultErrorComponent: ({ error, reset }) => <Failed error={error} retry={reset} />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
