import { Button, Center, Text } from "@mantine/core";
import { useIntersection } from "@mantine/hooks";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

interface Props {
  hasMore: boolean;
  loading: boolean;
  failed: boolean;
  onMore: () => void;
}

/** More loads the next page of a list when its end comes into sight, or on a click. */
export function More({ hasMore, loading, failed, onMore }: Props) {
  const { t } = useTranslation();
  const { ref, entry } = useIntersection({ rootMargin: "400px" });
  const inSight = entry?.isIntersecting ?? false;
  useEffect(() => {
    if (inSight && hasMore && !loading && !failed) onMore();
  }, [inSight, hasMore, loading, failed, onMore]);
  return (
    <Center ref={ref} p="md">
      {hasMore ? (
        <Button variant="default" loading={loading} onClick={onMore}>
          {t("action.more")}
        </Button>
      ) : (
        <Text size="xs" c="dimmed">
          {t("calls.end")}
        </Text>
      )}
    </Center>
  );
}
