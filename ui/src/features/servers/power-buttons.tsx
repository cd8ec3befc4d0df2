import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { POWER, type PowerActionInfo } from "@/actions/power";
import { post } from "@/api/client";
import type { ShownState } from "@/lib/state";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { toastError } from "@/ui/toast";

export interface PowerButtonsProps {
  server: string;
  name: string;
  state: ShownState;
  allows: (permission: string) => boolean;
  compact?: boolean;
}

export function PowerButtons({ server, name, state, allows, compact }: PowerButtonsProps) {
  const [asking, setAsking] = useState<PowerActionInfo | null>(null);
  const client = useQueryClient();
  const power = useMutation({
    mutationFn: (signal: string) => post(`/api/client/servers/${server}/power`, { signal }),
    onSuccess: () => {
      setAsking(null);
      setTimeout(() => void client.invalidateQueries({ queryKey: ["resources"] }), 1500);
    },
    onError: (error) => {
      setAsking(null);
      toastError(error);
    },
  });
  const offered = POWER.filter(
    (action) => allows(action.needs) && (action.signal !== "kill" || action.possible(state)),
  );
  return (
    <div
      className={`flex items-center gap-1.5 ${compact ? "min-w-[9.25rem]" : ""}`}
      role="group"
      aria-label={`Power of ${name}`}
    >
      {offered.map((action) => (
        <Button
          key={action.signal}
          look={action.possible(state) ? action.look : "plain"}
          compact={compact}
          disabled={!action.possible(state)}
          busy={power.isPending && power.variables === action.signal}
          onClick={() => (action.loss ? setAsking(action) : power.mutate(action.signal))}
          title={action.label}
        >
          {action.icon}
          <span className={compact ? "sr-only" : "max-sm:sr-only"}>{action.label}</span>
        </Button>
      ))}
      {asking && (
        <Confirm
          open
          onClose={() => setAsking(null)}
          title={`${asking.label} ${name}?`}
          loss={asking.loss}
          verb={asking.label}
          busy={power.isPending}
          onConfirm={() => power.mutate(asking.signal)}
        />
      )}
    </div>
  );
}
