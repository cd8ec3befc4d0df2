import { expect, test } from "vitest";
import type { ClientServer } from "@/api/types";
import { shownState } from "./state";

const server = (changes: Partial<ClientServer>) =>
  ({
    is_suspended: false,
    is_installing: false,
    is_transferring: false,
    status: null,
    ...changes,
  }) as ClientServer;

test("what keeps a server from being used is louder than its process", () => {
  expect(shownState(server({ is_suspended: true }), "running")).toBe("suspended");
  expect(shownState(server({ is_installing: true }), "offline")).toBe("installing");
  expect(shownState(server({ is_installing: true, status: "install_failed" }), undefined)).toBe(
    "install_failed",
  );
});

test("a usable server shows its process, and nothing when nobody knows", () => {
  expect(shownState(server({}), "starting")).toBe("starting");
  expect(shownState(server({}), undefined)).toBe("unknown");
});
