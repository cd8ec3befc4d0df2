import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, Egg as EggIcon, Trash2, Upload } from "lucide-react";
import { useRef, useState } from "react";
import { ApiError, post, remove, request } from "@/api/client";
import { nestsQuery } from "@/api/queries";
import type { Egg, Nest } from "@/api/types";
import { Button } from "@/ui/button";
import { Confirm, Dialog } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { Menu } from "@/ui/menu";
import { Page, Surface, SurfaceHead } from "@/ui/surface";
import { toast, toastError } from "@/ui/toast";
import { Empty, Failed, SkeletonRows } from "@/ui/views";

interface ImportResult {
  name: string;
  egg?: { id: number; name: string };
  error?: string;
}

export function EggsPage() {
  const client = useQueryClient();
  const query = useQuery(nestsQuery);
  const [naming, setNaming] = useState(false);
  const addNest = useMutation({
    mutationFn: (name: string) => post("/api/rookery/admin/nests", { name }),
    onSuccess: () => {
      setNaming(false);
      void client.invalidateQueries({ queryKey: ["admin", "nests"] });
    },
  });
  return (
    <Page
      title="Eggs"
      note="How each game is installed, configured and run."
      actions={<Button onClick={() => setNaming(true)}>New nest</Button>}
    >
      {query.isPending ? (
        <Surface>
          <SkeletonRows rows={5} />
        </Surface>
      ) : query.isError ? (
        <Surface>
          <Failed error={query.error} retry={() => void query.refetch()} />
        </Surface>
      ) : query.data.data.length === 0 ? (
        <Surface>
          <Empty title="No eggs yet">
            Make a nest, then import egg files of Pterodactyl or Pelican into it.
          </Empty>
        </Surface>
      ) : (
        query.data.data.map(({ attributes }) => <NestPanel key={attributes.id} nest={attributes} />)
      )}
      <Dialog
        open={naming}
        onClose={() => setNaming(false)}
        title="New nest"
        note="A nest groups eggs, such as all editions of one game."
      >
        <form
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            addNest.mutate(String(new FormData(event.currentTarget).get("name")));
          }}
        >
          <TextField label="Name" name="name" required autoFocus error={addNest.error?.message} />
          <Button type="submit" look="primary" busy={addNest.isPending}>
            Create nest
          </Button>
        </form>
      </Dialog>
    </Page>
  );
}

function NestPanel({ nest }: { nest: Nest }) {
  const client = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [results, setResults] = useState<ImportResult[] | null>(null);
  const [dropping, setDropping] = useState<Egg | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ["admin", "nests"] });
  const bring = useMutation({
    mutationFn: async (files: File[]) => {
      const body = await Promise.all(
        files.map(async (file) => ({ name: file.name, content: await file.text() })),
      );
      try {
        return await request<{ data: ImportResult[] }>(
          "POST",
          `/api/rookery/admin/nests/${nest.id}/eggs`,
          JSON.stringify(body),
        );
      } catch (error) {
        if (error instanceof ApiError && error.status === 422 && files.length)
          return importOneByOne(nest.id, body);
        throw error;
      }
    },
    onSuccess: (answer) => {
      void refresh();
      if (answer.data.some((result) => result.error)) setResults(answer.data);
      else
        toast(
          answer.data.length === 1
            ? `${answer.data[0]!.egg!.name} was imported.`
            : `${answer.data.length} eggs were imported.`,
        );
    },
    onError: toastError,
  });
  const drop = useMutation({
    mutationFn: (egg: Egg) => remove(`/api/rookery/admin/eggs/${egg.id}`),
    onSuccess: () => {
      setDropping(null);
      void refresh();
    },
  });
  const eggs = nest.relationships?.eggs.data ?? [];
  return (
    <Surface>
      <SurfaceHead
        title={nest.name}
        note={nest.description ?? `${eggs.length} ${eggs.length === 1 ? "egg" : "eggs"}`}
      >
        <input
          ref={input}
          type="file"
          multiple
          accept=".json,.yaml,.yml"
          className="hidden"
          aria-label={`Egg files for ${nest.name}`}
          onChange={(event) => {
            const files = [...(event.target.files ?? [])];
            event.target.value = "";
            if (files.length) bring.mutate(files);
          }}
        />
        <Button compact busy={bring.isPending} onClick={() => input.current?.click()}>
          <Upload className="size-4" /> Import
        </Button>
      </SurfaceHead>
      {eggs.length === 0 ? (
        <Empty title="This nest is empty">Import egg files: JSON or YAML, several at once.</Empty>
      ) : (
        <ul className="grid divide-y divide-line">
          {eggs.map(({ attributes: egg }) => (
            <li key={egg.id} className="flex items-center gap-4 px-5 py-3">
              <EggIcon className="size-4 shrink-0 text-muted" aria-hidden />
              <div className="mr-auto min-w-0">
                <p className="font-medium">{egg.name}</p>
                <p className="truncate text-[13px] text-muted">{egg.description}</p>
              </div>
              <span className="shrink-0 text-xs text-muted max-md:hidden">
                {egg.relationships?.variables.data.length ?? 0} variables ·{" "}
                {Object.keys(egg.docker_images).length} images
              </span>
              <Menu
                label={`More about ${egg.name}`}
                entries={[
                  {
                    label: "Export",
                    icon: <Download className="size-4" />,
                    run: () => window.open(`/api/rookery/admin/eggs/${egg.id}/export`),
                  },
                  {
                    label: "Delete",
                    icon: <Trash2 className="size-4" />,
                    danger: true,
                    run: () => setDropping(egg),
                  },
                ]}
              />
            </li>
          ))}
        </ul>
      )}
      <Dialog open={!!results} onClose={() => setResults(null)} title="Import" wide>
        <ul className="flex max-h-96 flex-col gap-2 overflow-y-auto">
          {results?.map((result, at) => (
            <li key={at} className="flex gap-3">
              <span className={result.error ? "text-negative" : "text-positive"}>
                {result.error ? "▲" : "●"}
              </span>
              <div>
                <p>{result.egg?.name ?? result.name}</p>
                {result.error && <p className="text-[13px] text-muted">{result.error}</p>}
              </div>
            </li>
          ))}
        </ul>
      </Dialog>
      {dropping && (
        <Confirm
          open
          onClose={() => setDropping(null)}
          title={`Delete ${dropping.name}?`}
          loss="Servers of this game cannot be created any more. Eggs with servers cannot be deleted."
          verb="Delete egg"
          busy={drop.isPending}
          error={drop.error?.message}
          onConfirm={() => drop.mutate(dropping)}
        />
      )}
    </Surface>
  );
}

/** When every file was refused the answer is an error; ask again one by one to show each reason. */
async function importOneByOne(
  nest: number,
  files: { name: string; content: string }[],
): Promise<{ data: ImportResult[] }> {
  const data: ImportResult[] = [];
  for (const file of files) {
    const response = await fetch(`/api/rookery/admin/nests/${nest}/eggs`, {
      method: "POST",
      headers: {
        Accept: "application/json",
        "X-XSRF-TOKEN": decodeURIComponent(/XSRF-TOKEN=([^;]+)/.exec(document.cookie)?.[1] ?? ""),
      },
      body: JSON.stringify([file]),
    });
    data.push(...((await response.json()) as { data: ImportResult[] }).data);
  }
  return { data };
}
