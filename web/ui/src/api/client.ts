// The one way to the server: typed by openapi.json, errors as Problem, a lost session announced once.
import createClient, { type Middleware } from "openapi-fetch";
import { learn } from "../app/clock";
import { Problem, problemOf } from "./problem";
import type { paths } from "./schema";

const lostSession = new Set<() => void>();

/** onLostSession calls listener whenever the server says that nobody is logged in. */
export function onLostSession(listener: () => void): () => void {
  lostSession.add(listener);
  return () => lostSession.delete(listener);
}

export function announceLostSession(): void {
  for (const l of lostSession) l();
}

const watch: Middleware = {
  onResponse({ request, response }) {
    learn(response.headers.get("Date"));
    if (response.status === 401 && !request.url.endsWith("/session")) announceLostSession();
  },
  onError() {
    return new Problem(0, {});
  },
};

export const api = createClient<paths>({ baseUrl: location.origin, credentials: "same-origin" });
api.use(watch);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * got waits for an answer and returns its body, or throws a Problem: status 0 when the server could not be reached.
 */
export async function got<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw problemOf(response, error);
  return data as T;
}
