// The floor as the server last pictured it. It is asked for while somebody looks, anew after every reconnect; what was last
// known stays on the page meanwhile, and the page says since when it is old.
import { useEffect, useState } from "react";
import type { Floor } from "../api/types";
import { learn } from "../app/clock";
import { current } from "../app/session";
import { useDesk } from "../desk/store";
import type { FloorSearch } from "./search";

export interface FloorState {
  /** null: nothing has come yet, or (refused) it may not be seen. */
  floor: Floor | null;
  refused: boolean;
  /** Of which part the picture is; another one while the part that is wished has not come. */
  of: string;
}

export const partOf = ({ team, queue }: FloorSearch): string => `${team ?? ""} ${queue ?? ""}`;

/** useFloor follows a part of the floor. */
export function useFloor({ team, queue }: FloorSearch): FloorState {
  const [state, setState] = useState<FloorState>({ floor: null, refused: false, of: "" });
  const live = useDesk().link.state === "live";
  useEffect(() => {
    const socket = current()?.socket;
    if (!live || !socket) return;
    const of = partOf({ ...(team ? { team } : {}), ...(queue ? { queue } : {}) });
    socket.onFloor = (frame) => {
      learn(frame.sent_at);
      setState({ floor: frame.floor, refused: frame.floor === null, of });
    };
    socket.wish({ on: true, ...(team ? { team } : {}), ...(queue ? { queue } : {}) });
    return () => {
      socket.onFloor = null;
      socket.wish({ on: false });
    };
  }, [live, team, queue]);
  return state;
}
