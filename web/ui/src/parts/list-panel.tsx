import "../app/rest.css";
import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import styles from "./list-panel.module.css";
import { More, type Paging } from "./more";
import { Empty, Failed, Loading } from "./states";

interface FrameProps {
  /** What react-query knows of the list; one that is read page by page ends with what reads on. */
  list: { isPending: boolean; isError: boolean; isFetching: boolean; error: unknown; refetch: () => unknown } & (
    | Paging
    | { fetchNextPage?: never }
  );
  /** Whether there is nothing to show. */
  none: boolean;
  empty: { icon: ReactNode; title: string; body: ReactNode; children?: ReactNode };
  children: ReactNode;
}

/** ListFrame is the panel around a list, with what stands in its place while it is loading, has failed or is empty. */
export function ListFrame({ list, none, empty, children }: FrameProps) {
  return (
    <div className="panel flush" aria-busy={list.isFetching}>
      {list.isPending ? (
        <Loading />
      ) : list.isError && none ? (
        <Failed error={list.error} retry={() => void list.refetch()} />
      ) : none ? (
        <Empty {...empty} />
      ) : (
        <>
          {children}
          {list.fetchNextPage && <More list={list} />}
        </>
      )}
    </div>
  );
}

interface Props<T> extends Omit<FrameProps, "none" | "children"> {
  items: T[];
  /** The table's name. */
  label: string;
  /** What stands above the panel. */
  bar?: ReactNode;
  /** The cells of the head. */
  head: ReactNode;
  /** The rows of an item. */
  row: (item: T) => ReactNode;
  /** What follows the table. */
  foot?: ReactNode;
}

/** ListPanel is a table in its frame, with what chooses among its rows above it. */
export function ListPanel<T>({ list, items, label, bar, empty, head, row, foot }: Props<T>) {
  return (
    <>
      {bar && <div className={styles.bar}>{bar}</div>}
      <ListFrame list={list} none={items.length === 0} empty={empty}>
        <Table className="table" aria-label={label}>
          <Table.Thead>
            <Table.Tr>{head}</Table.Tr>
          </Table.Thead>
          <Table.Tbody>{items.map(row)}</Table.Tbody>
        </Table>
        {foot}
      </ListFrame>
    </>
  );
}
