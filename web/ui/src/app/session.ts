// What runs while somebody is logged in: the push socket and the drafts. One of each per tab.
import { announceLostSession, api, got } from "../api/client";
import { Problem } from "../api/problem";
import { queryClient } from "../api/queries";
import type { Me } from "../api/types";
import { Drafts } from "../desk/drafts";
import { change } from "../desk/store";
import { PushSocket } from "../push/socket";

export interface Session {
  agentID: string;
  socket: PushSocket;
  drafts: Drafts;
}

let session: Session | null = null;

/** current is the running session; null before log-in. */
export function current(): Session | null {
  return session;
}

/** begin starts the session of me; it is the same one when it runs already. */
export function begin(me: Me): Session {
  if (session?.agentID === me.agent.id) return session;
  end();
  const url = new URL("/api/v1/push", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("beat", "true");
  let wasAway = false;
  const drafts = new Drafts({
    owner: me.agent.id,
    save: async (id, note) => {
      try {
        await got(api.PATCH("/api/v1/calls/{id}", { params: { path: { id } }, body: { note } }));
      } catch (e) {
        // A lost session is no refusal: the note is sent after the next log-in. Nor is a call that is not in the log yet.
        const refused = e instanceof Problem && !e.away && ![401, 404, 409].includes(e.status);
        return refused ? "refused" : "unsaved";
      }
      void queryClient.invalidateQueries({ queryKey: ["call", id] });
      return "saved";
    },
  });
  const socket = new PushSocket({
    url: url.href,
    onFrame: (frame) => change({ type: "frame", frame, writing: document.activeElement?.id === "note" }),
    onLink: (link) => {
      change({ type: "link", link });
      if (link.state === "away") wasAway = true;
      if (link.state === "live" && wasAway) {
        wasAway = false;
        drafts.flush();
        void queryClient.invalidateQueries();
      }
      if (link.state !== "connecting") void queryClient.invalidateQueries({ queryKey: ["status"] });
    },
    onSessionEnded: announceLostSession,
  });
  // Several changes at once are one look, and not all browsers look at one moment.
  let looking: ReturnType<typeof setTimeout> | undefined;
  socket.onMissed = () => {
    clearTimeout(looking);
    looking = setTimeout(() => void queryClient.invalidateQueries({ queryKey: ["missed"] }), 50 + Math.random() * 250);
  };
  session = { agentID: me.agent.id, socket, drafts };
  socket.start();
  return session;
}

/** end stops everything. Unsaved drafts stay in the browser's storage. */
export function end(): void {
  session?.socket.stop();
  session?.drafts.close();
  session = null;
  change({ type: "forget" });
}
