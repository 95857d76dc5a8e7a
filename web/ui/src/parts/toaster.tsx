// Where short messages appear. Loaded after the page: nothing has to be said before it stands.
import "../app/rest.css";
import { Notifications } from "@mantine/notifications";
import { useSpoken } from "../text/use-spoken";

export default function Toaster() {
  return <Notifications position={useSpoken() === "fa" ? "bottom-left" : "bottom-right"} limit={4} />;
}
