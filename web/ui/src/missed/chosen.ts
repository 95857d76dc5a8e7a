import { useEffect, useState } from "react";

/**
 * useChosen is the row of a list that the keys mean, the first to begin with. When it goes, none is meant until one is chosen:
 * no key hits what has moved up into its place. A step goes on from there.
 */
export function useChosen<T extends { id: string }>(items: T[]) {
  const [chosen, setChosen] = useState<{ id: string; at: number } | null>(null);
  const found = chosen ? items.findIndex((x) => x.id === chosen.id) : -1;
  const first = items[0];
  useEffect(() => {
    if (!chosen && first) setChosen({ id: first.id, at: 0 });
    else if (chosen && found >= 0 && found !== chosen.at) setChosen({ id: chosen.id, at: found });
  }, [chosen, found, first]);
  return {
    row: items[found],
    choose: (id: string) =>
      setChosen({
        id,
        at: Math.max(
          0,
          items.findIndex((x) => x.id === id),
        ),
      }),
    /** beside is the row so many further on; undefined at the end. */
    beside: (by: 1 | -1): T | undefined => {
      if (found >= 0) return items[found + by];
      const from = Math.min(chosen?.at ?? 0, items.length);
      return items[by > 0 ? Math.min(from, items.length - 1) : from - 1];
    },
  };
}
