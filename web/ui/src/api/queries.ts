// What the pages ask the server for, as query options: one place for keys and freshness.
import { infiniteQueryOptions, keepPreviousData, QueryClient, queryOptions } from "@tanstack/react-query";
import { api, got } from "./client";
import { Problem } from "./problem";
import type {
  Agent,
  CallQuery,
  CustomerQuery,
  Export,
  FollowUpQuery,
  GapQuery,
  MissedQuery,
  PhoneQuery,
  QueueQuery,
  StateStretch,
} from "./types";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // What the server refuses it will refuse again; what it could not do is worth another try.
      retry: (n, e) => n < 2 && !(e instanceof Problem && !e.away),
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

interface Paged<T> {
  items: T[];
  next: string | null;
}

/** paged is a list that is read page by page as somebody goes down it. What it showed stays while another part of it comes. */
function paged<T>(queryKey: unknown[], page: (cursor: { cursor?: string }, signal: AbortSignal) => Promise<Paged<T>>) {
  return infiniteQueryOptions({
    queryKey,
    queryFn: ({ pageParam, signal }) => page(pageParam ? { cursor: pageParam } : {}, signal),
    initialPageParam: "",
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
  });
}

/** live asks anew every so many milliseconds: often while one page is seen, seldom for who has paged far down. */
const live =
  (often: number, seldom: number) =>
  ({ state: { data } }: { state: { data: { pages: unknown[] } | undefined } }) =>
    data !== undefined && (data.pages.length > 1 ? seldom : often);

/** whole reads all pages of a list that is short enough for that. */
async function whole<T>(page: (cursor: { cursor?: string }) => Promise<Paged<T>>): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const got: Paged<T> = await page(cursor ? { cursor } : {});
    items.push(...got.items);
    cursor = got.next;
  }
  return items;
}

export const me = queryOptions({
  queryKey: ["me"],
  queryFn: () => got(api.GET("/api/v1/me")),
  staleTime: 60_000,
  retry: false,
});

export const status = queryOptions({
  queryKey: ["status"],
  queryFn: () => got(api.GET("/api/v1/status", { signal: AbortSignal.timeout(8000) })),
  refetchInterval: 15_000,
  refetchIntervalInBackground: true,
  retry: false,
});

export const calls = (query: CallQuery) => ({
  ...paged(["calls", query], (page, signal) =>
    got(api.GET("/api/v1/calls", { params: { query: { ...query, ...page } }, signal })),
  ),
  refetchOnWindowFocus: true,
});

/** Setup is what is not set up yet; an administrator may ask. */
export const setup = queryOptions({
  queryKey: ["setup"],
  queryFn: ({ signal }) => got(api.GET("/api/v1/setup", { signal })),
  refetchOnWindowFocus: true,
  refetchInterval: 5000,
  staleTime: 0,
});

/** The newest call that began since a moment, looked for every second until it has ended. */
export const newestCall = (since: string) =>
  queryOptions({
    queryKey: ["newest call", since],
    queryFn: async ({ signal }) =>
      (await got(api.GET("/api/v1/calls", { params: { query: { from: since, limit: 1 } }, signal }))).items[0] ?? null,
    refetchInterval: (q) => (q.state.data?.state === "ended" ? false : 1000),
    staleTime: 0,
  });

/** Gaps are the stretches of time in which an exchange was not heard, newest first. */
export const gaps = (query: GapQuery) =>
  queryOptions({
    queryKey: ["gaps", query],
    queryFn: ({ signal }) => got(api.GET("/api/v1/gaps", { params: { query }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });

export const call = (id: string) =>
  queryOptions({
    queryKey: ["call", id],
    queryFn: ({ signal }) => got(api.GET("/api/v1/calls/{id}", { params: { path: { id } }, signal })),
    refetchInterval: (q) => (q.state.data && q.state.data.state !== "ended" ? 3000 : false),
  });

export const customers = (query: CustomerQuery) =>
  paged(["customers", query], (page, signal) =>
    got(api.GET("/api/v1/customers", { params: { query: { ...query, ...page } }, signal })),
  );

export const customer = (id: string) =>
  queryOptions({
    queryKey: ["customer", id],
    queryFn: ({ signal }) => got(api.GET("/api/v1/customers/{id}", { params: { path: { id } }, signal })),
  });

/** The few best customers for a typed text: pickers and Ctrl+K. */
export const findCustomers = (q: string, kind?: "person" | "organization") =>
  queryOptions({
    queryKey: ["customers", "find", q, kind],
    queryFn: ({ signal }) =>
      got(api.GET("/api/v1/customers", { params: { query: { q, limit: 8, ...(kind ? { kind } : {}) } }, signal })),
    enabled: q.trim() !== "",
    placeholderData: keepPreviousData,
  });

/** Whose a number is, by the rules for callers. */
export const lookup = (number: string) =>
  queryOptions({
    queryKey: ["customers", "lookup", number],
    queryFn: ({ signal }) => got(api.GET("/api/v1/customers/lookup", { params: { query: { number } }, signal })),
    enabled: number.length > 1,
  });

/** To whom a call can be handed, of what its own exchange knows: who is free comes first. It is asked anew while it is looked at. */
export const destinations = (call: string, q: string) =>
  queryOptions({
    queryKey: ["destinations", call, q],
    queryFn: ({ signal }) =>
      got(api.GET("/api/v1/destinations", { params: { query: q ? { call, q } : { call } }, signal })),
    placeholderData: keepPreviousData,
    staleTime: 0,
    refetchInterval: 3000,
  });

export const dialling = queryOptions({
  queryKey: ["dialling"],
  queryFn: ({ signal }) => got(api.GET("/api/v1/dialling", { signal })),
});

export const pauseReasons = (archived = false) =>
  queryOptions({
    queryKey: ["pause-reasons", archived],
    queryFn: ({ signal }) => got(api.GET("/api/v1/pause-reasons", { params: { query: { archived } }, signal })),
    staleTime: 60_000,
  });

/** Who was not answered, oldest first. The server says when it has changed. */
export const missed = (query: MissedQuery) =>
  paged(["missed", "list", query], (page, signal) =>
    got(api.GET("/api/v1/missed", { params: { query: { ...query, ...page } }, signal })),
  );

export const missedCount = queryOptions({
  queryKey: ["missed", "count"],
  queryFn: ({ signal }) => got(api.GET("/api/v1/missed/count", { signal })),
  refetchInterval: 60_000,
});

/** How one may say that calls ended: all lists, or what is archived of them. */
export const dispositions = (archived = false) =>
  queryOptions({
    queryKey: ["dispositions", archived],
    queryFn: ({ signal }) => got(api.GET("/api/v1/dispositions", { params: { query: { archived } }, signal })),
  });

/** What may be said of the calls of a queue; null: of those that came to none. */
export const dispositionsOf = (queue: string | null) =>
  queryOptions({
    queryKey: ["dispositions", "of", queue],
    queryFn: ({ signal }) =>
      got(
        api.GET("/api/v1/dispositions", {
          params: { query: { queue: queue ?? "00000000-0000-0000-0000-000000000000" } },
          signal,
        }),
      ),
    staleTime: 60_000,
  });

/** How everybody stands whom one may see; asked anew while it is looked at. */
export const states = queryOptions({
  queryKey: ["states", "now"],
  queryFn: ({ signal }) => got(api.GET("/api/v1/states", { signal })),
  refetchInterval: 3000,
});

/** What an agent did between two moments, newest first, read whole, page by page. */
export const dayStates = (id: string, from: string, to: string, live: boolean) =>
  queryOptions({
    queryKey: ["states", id, from, to],
    queryFn: ({ signal }) =>
      whole<StateStretch>((page) =>
        got(
          api.GET("/api/v1/agents/{id}/states", {
            params: { path: { id }, query: { from, to, limit: 200, ...page } },
            signal,
          }),
        ),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: live ? 10_000 : false,
  });

/** Follow-ups change under others' hands: a list that is looked at is asked for anew; who has paged far down waits longer. */
export const followUps = (query: FollowUpQuery) => ({
  ...paged(["follow-ups", "list", query], (page, signal) =>
    got(api.GET("/api/v1/follow-ups", { params: { query: { ...query, ...page } }, signal })),
  ),
  refetchOnWindowFocus: true,
  refetchInterval: live(8000, 30_000),
});

/** How many of a list are when due, and how many are done today. */
export const followUpCounts = (query: FollowUpQuery) =>
  queryOptions({
    queryKey: ["follow-ups", "counts", query],
    queryFn: ({ signal }) => got(api.GET("/api/v1/follow-ups/counts", { params: { query }, signal })),
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: true,
    refetchInterval: 8000,
  });

/** One follow-up with all that was done to it. */
export const followUp = (id: string) =>
  queryOptions({
    queryKey: ["follow-ups", "one", id],
    queryFn: ({ signal }) => got(api.GET("/api/v1/follow-ups/{id}", { params: { path: { id } }, signal })),
    refetchInterval: 8000,
  });

/** What a due time means that somebody writes. It moves on with the clock. */
export const when = (q: string, lang: "fa" | "en") =>
  queryOptions({
    queryKey: ["when", q, lang],
    queryFn: ({ signal }) => got(api.GET("/api/v1/when", { params: { query: { q, lang } }, signal })),
    enabled: q !== "",
    staleTime: 20_000,
    refetchInterval: 20_000,
  });

export const agent = (id: string) =>
  queryOptions({
    queryKey: ["agents", "one", id],
    queryFn: ({ signal }) => got(api.GET("/api/v1/agents/{id}", { params: { path: { id } }, signal })),
  });

/** Agents are few enough to be read whole, page by page. */
export const agents = (archived = false) =>
  queryOptions({
    queryKey: ["agents", archived],
    queryFn: async ({ signal }) => ({
      items: await whole<Agent>((page) =>
        got(api.GET("/api/v1/agents", { params: { query: { archived, limit: 100, ...page } }, signal })),
      ),
    }),
  });

/** A phone that rings is to appear soon; who has paged far down waits longer, and nobody asks for a page that is not seen.
 *  What failed stays said. */
export const phones = (query: PhoneQuery) => ({
  ...paged(["phones", query], (page, signal) =>
    got(api.GET("/api/v1/phones", { params: { query: { ...query, ...page } }, signal })),
  ),
  refetchInterval: live(2000, 5000),
});

/** Queues are few, and told whole. */
export const queues = (query: QueueQuery = {}) =>
  queryOptions({
    queryKey: ["queues", query],
    queryFn: ({ signal }) => got(api.GET("/api/v1/queues", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const teams = queryOptions({
  queryKey: ["teams"],
  queryFn: ({ signal }) => got(api.GET("/api/v1/teams", { signal })),
});

export const tokens = queryOptions({
  queryKey: ["tokens"],
  queryFn: ({ signal }) => got(api.GET("/api/v1/tokens", { signal })),
});

/** About how many calls a list has. */
export const estimate = (query: CallQuery) =>
  queryOptions({
    queryKey: ["estimate", query],
    queryFn: ({ signal }) => got(api.GET("/api/v1/calls/estimate", { params: { query }, signal })),
  });

const goingOn = (e: Export) => e.state === "ready" || e.state === "running";

/** My last exports. One that goes on is looked at every second, from whatever page load. */
export const exports = queryOptions({
  queryKey: ["exports"],
  queryFn: ({ signal }) => got(api.GET("/api/v1/exports", { signal })),
  refetchInterval: ({ state: { data } }) => (data?.items.some(goingOn) ? 1000 : false),
});

export const views = queryOptions({
  queryKey: ["views", "calls"],
  queryFn: ({ signal }) => got(api.GET("/api/v1/views", { params: { query: { page: "calls" } }, signal })),
  staleTime: 60_000,
});

export const wallboards = queryOptions({
  queryKey: ["wallboards"],
  queryFn: ({ signal }) => got(api.GET("/api/v1/wallboards", { signal })),
});
