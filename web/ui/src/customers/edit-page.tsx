import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { customer as customerQuery } from "../api/queries";
import { Page } from "../parts/page";
import { Failed, Loading } from "../parts/states";
import { CustomerForm } from "./customer-form";
import styles from "./customers.module.css";

export function NewCustomerPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { number } = useSearch({ from: "/inside/customers/new" });
  return (
    <Page title={t("customers.create")} name={t("customers.create")}>
      <div className={`panel ${styles.form}`}>
        <CustomerForm
          start={number ? { number } : {}}
          onCancel={() => void navigate({ to: "/customers" })}
          onSaved={(c) => void navigate({ to: "/customers/$id", params: { id: c.id } })}
        />
      </div>
    </Page>
  );
}

export function EditCustomerPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { id } = useParams({ from: "/inside/customers/$id/edit" });
  const { data, error, refetch } = useQuery({ ...customerQuery(id), refetchOnWindowFocus: false });
  const back = () => void navigate({ to: "/customers/$id", params: { id } });
  return (
    <Page title={t("customers.editTitle")} name={data?.name ?? t("customers.editTitle")}>
      {data ? (
        <div className={`panel ${styles.form}`}>
          <CustomerForm customer={data} onCancel={back} onSaved={back} />
        </div>
      ) : error ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : (
        <Loading />
      )}
    </Page>
  );
}
