import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, post } from "@/api/client";
import { useServer } from "@/features/servers/server-context";
import { Button } from "@/ui/button";
import { CopyText } from "@/ui/copy";
import { Confirm } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { Page, Surface, SurfaceHead } from "@/ui/surface";
import { toast, toastError } from "@/ui/toast";

export function SettingsPage() {
  const { server, allows } = useServer();
  const client = useQueryClient();
  const [name, setName] = useState(server.name);
  const [description, setDescription] = useState(server.description);
  const [asking, setAsking] = useState(false);
  const refresh = () => client.invalidateQueries({ queryKey: ["server"] });
  const rename = useMutation({
    mutationFn: () => post(`/api/client/servers/${server.uuid}/settings/rename`, { name, description }),
    onSuccess: () => {
      toast("Saved.");
      void refresh();
      void client.invalidateQueries({ queryKey: ["servers"] });
    },
  });
  const reinstall = useMutation({
    mutationFn: () => post(`/api/client/servers/${server.uuid}/settings/reinstall`),
    onSuccess: () => {
      setAsking(false);
      toast("The installation has begun.");
      void refresh();
    },
    onError: toastError,
  });
  const error = rename.error instanceof ApiError ? rename.error : null;
  return (
    <Page title="Settings">
      <Surface>
        <SurfaceHead title="Name" />
        <form
          className="grid gap-4 p-5 md:grid-cols-2"
          onSubmit={(event) => {
            event.preventDefault();
            rename.mutate();
          }}
        >
          <TextField
            label="Name"
            value={name}
            onChange={(event) => setName(event.target.value)}
            error={error?.about("name")}
            required
            maxLength={191}
          />
          <TextField
            label="Description"
            value={description}
            onChange={(event) => setDescription(event.target.value)}
            error={error?.about("description")}
          />
          <div className="md:col-span-2">
            <Button
              type="submit"
              look="primary"
              busy={rename.isPending}
              disabled={name === server.name && description === server.description}
            >
              Save
            </Button>
          </div>
        </form>
      </Surface>
      <Surface>
        <SurfaceHead
          title="SFTP"
          note="For moving many files, with any SFTP client and your password or key."
        />
        <dl className="grid gap-x-8 gap-y-3 p-5 sm:grid-cols-[8rem_1fr]">
          <dt className="text-muted">Address</dt>
          <dd>
            <CopyText
              text={`sftp://${server.sftp_details.ip}:${server.sftp_details.port}`}
              label="Copy the address"
            />
          </dd>
          <dt className="text-muted">Server ID</dt>
          <dd>
            <CopyText text={server.uuid} label="Copy the identifier" />
          </dd>
          <dt className="text-muted">Node</dt>
          <dd>{server.node}</dd>
        </dl>
      </Surface>
      {allows("settings.reinstall") && (
        <Surface className="border-negative/35">
          <SurfaceHead
            title="Install anew"
            note="Runs the game's installation again. It may overwrite files of the game; make a backup first."
          >
            <Button look="danger" onClick={() => setAsking(true)}>
              Reinstall
            </Button>
          </SurfaceHead>
        </Surface>
      )}
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={`Install ${server.name} anew?`}
        loss="The server is stopped. Files of the game may be overwritten or deleted by its installation."
        verb="Reinstall"
        typed={server.name}
        busy={reinstall.isPending}
        onConfirm={() => reinstall.mutate()}
      />
    </Page>
  );
}
