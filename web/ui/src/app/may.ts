import { useSuspenseQuery } from "@tanstack/react-query";
import { me } from "../api/queries";
import type { Me } from "../api/types";

type Permission = Me["permissions"][number]["permission"];
type Scope = Me["permissions"][number]["scope"];

/** useMay is whose things a permission covers for the person who is logged in; null: it is not theirs. */
export function useMay(permission: Permission): Scope | null {
  return useSuspenseQuery({
    ...me,
    select: (m) => m.permissions.find((p) => p.permission === permission)?.scope ?? null,
  }).data;
}
