import { Group, Text, Title } from "@mantine/core";
import { IconBuilding, IconUser } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { Customer } from "../api/types";
import { Callable } from "../dial/call-button";
import styles from "./desk.module.css";

/** CustomerPanel is the customer beside the call. */
export function CustomerPanel({ customer }: { customer: Customer }) {
  return (
    <section className="panel">
      <Group gap={8} mb={8}>
        {customer.kind === "organization" ? <IconBuilding size={18} aria-hidden /> : <IconUser size={18} aria-hidden />}
        <Title order={2}>
          <Link to="/customers/$id" params={{ id: customer.id }} className="row-link">
            {customer.name}
          </Link>
        </Title>
      </Group>
      <ul className={styles.numbers}>
        {customer.numbers.map((n) => (
          <li key={n.number}>
            <Callable number={n.number} customer={customer.id} />
            {n.label && <span className="quiet">{n.label}</span>}
          </li>
        ))}
      </ul>
      {customer.note && (
        <Text className={styles.customerNote} dir="auto" size="xs">
          {customer.note}
        </Text>
      )}
    </section>
  );
}
