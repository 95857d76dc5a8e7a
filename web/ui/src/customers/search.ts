// The filters of the customer list, as they stand in its address.
import type { CustomerQuery } from "../api/types";

export interface CustomerSearch {
  q?: string;
  kind?: "person" | "organization";
  tag?: string;
  archived?: "1";
}

export function readCustomerSearch(s: Record<string, unknown>): CustomerSearch {
  const out: CustomerSearch = {};
  if (typeof s.q === "string" && s.q !== "") out.q = s.q.slice(0, 200);
  if (s.kind === "person" || s.kind === "organization") out.kind = s.kind;
  if (typeof s.tag === "string" && s.tag !== "") out.tag = s.tag.slice(0, 50);
  if (s.archived === "1") out.archived = "1";
  return out;
}

export function query(s: CustomerSearch): CustomerQuery {
  const { archived, ...rest } = s;
  return archived ? { ...rest, archived: true } : rest;
}
