import "../app/rest.css";
import { Modal } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { CustomerForm } from "../customers/customer-form";

interface Props {
  number: string;
  name: string;
  onCreated: (id: string) => void;
  onClose: () => void;
}

/** Create makes a customer without leaving the desk; the call's number is filled in. */
export default function Create({ number, name, onCreated, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("customers.create")}
      size="lg"
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <CustomerForm
        start={{ name, number }}
        onCancel={onClose}
        onSaved={(c) => {
          onCreated(c.id);
          onClose();
        }}
      />
    </Modal>
  );
}
