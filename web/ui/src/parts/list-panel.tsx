import "../app/rest.css";
import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import styles from "./list-panel.module.css";
import { Empty, Failed, Loading } from "./states";

interface Props<T> {
  /** What react-query knows of the list. */
  list: { isPending: boolean; isError: boolean; error: unknown; refetch: () => unknown };
  items: T[];
  /** The table's name. */
  label: string;
  /** What stands above the panel. */
  bar: ReactNode;
  empty: { icon: ReactNode; title: string; body: ReactNode; children?: ReactNode };
  /** The cells of the head. */
  head: ReactNode;
  /** The rows of an item. */
  row: (item: T) => ReactNode;
  /** What follows the table. */
  foot?: ReactNode;
}

/** ListPanel is a table with what stands in its place while it is loading, has failed or is empty. */
export function ListPanel<T>({ list, items, label, bar, empty, head, row, foot }: Props<T>) {
  return (
    <>
      <div className={styles.bar}>{bar}</div>
      <div className="panel flush">
        {list.isPending ? (
          <Loading />
        ) : list.isError && items.length === 0 ? (
          <Failed error={list.error} retry={() => void list.refetch()} />
        ) : items.length === 0 ? (
          <Empty {...empty} />
        ) : (
          <>
            <Table className="table" aria-label={label}>
              <Table.Thead>
                <Table.Tr>{head}</Table.Tr>
              </Table.Thead>
              <Table.Tbody>{items.map(row)}</Table.Tbody>
            </Table>
            {foot}
          </>
        )}
      </div>
    </>
  );
}
