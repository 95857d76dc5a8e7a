// The manager interface (AMI) of the laboratory's PBX, as much of it as the tests need.
import { connect } from "node:net";

type Message = Record<string, string>;

/** manage logs in, sends one action, and answers what came back, up to the end of a list if it is one. */
export async function manage(port: number, action: Message): Promise<Message[]> {
  const socket = connect(port, "127.0.0.1");
  socket.setTimeout(10_000, () => socket.destroy(new Error(`the manager did not answer ${action.Action}`)));
  const send = (m: Message) =>
    socket.write(
      `${Object.entries(m)
        .map(([k, v]) => `${k}: ${v}\r\n`)
        .join("")}\r\n`,
    );
  send({ Action: "Login", Username: "ringbook", Secret: "ringbook-lab", Events: "off" });
  const heard: Message[] = [];
  let text = "";
  try {
    for await (const chunk of socket) {
      text += String(chunk);
      const parts = text.split("\r\n\r\n");
      text = parts.pop() ?? "";
      for (const part of parts) {
        const lines = part.split("\r\n").map((line) => /^(\w+): ?(.*)$/.exec(line));
        const m: Message = Object.fromEntries(lines.flatMap((x) => (x ? [[x[1] ?? "", x[2] ?? ""]] : [])));
        if (m.Response === "Error") throw new Error(`${action.Action}: ${m.Message}`);
        if (m.Message === "Authentication accepted") send({ ...action, ActionID: "1" });
        if (m.ActionID !== "1") continue;
        heard.push(m);
        if (m.EventList === "Complete" || (m.Response && m.EventList !== "start")) return heard;
      }
    }
    throw new Error(`the manager hung up before it answered ${action.Action}`);
  } finally {
    socket.destroy();
  }
}
