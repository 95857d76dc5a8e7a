// The pages that one can go to from anywhere.
import {
  IconAddressBook,
  IconHeadset,
  IconLayoutDashboard,
  IconListCheck,
  IconPhoneCall,
  IconPhoneOff,
  IconSettings,
} from "@tabler/icons-react";
import type { Me } from "../api/types";

const pages = [
  { to: "/desk", word: "nav.desk", icon: IconHeadset, keys: "goDesk" },
  { to: "/floor", word: "nav.floor", icon: IconLayoutDashboard, keys: "goFloor", permission: "floor.read" },
  { to: "/follow-ups", word: "nav.followUps", icon: IconListCheck, keys: "goFollowUps" },
  { to: "/missed", word: "nav.missed", icon: IconPhoneOff, keys: "goMissed" },
  { to: "/calls", word: "nav.calls", icon: IconPhoneCall, keys: "goCalls" },
  { to: "/customers", word: "nav.customers", icon: IconAddressBook, keys: "goCustomers" },
  { to: "/settings", word: "nav.settings", icon: IconSettings, keys: "goSettings" },
] as const;

export type PageLink = (typeof pages)[number];

/** pagesOf are those that somebody may see. */
export function pagesOf(me: Me): PageLink[] {
  return pages.filter((p) => !("permission" in p) || me.permissions.some((x) => x.permission === p.permission));
}
