import { expect, test } from "vitest";
import { sentence } from "./activity-list";

test("an event becomes a sentence with its own values", () => {
  expect(sentence({ event: "server:console.command", properties: { command: "say hi" } })).toBe(
    "sent the command “say hi”",
  );
});

test("an event nobody wrote a sentence for shows its name", () => {
  expect(sentence({ event: "server:new.thing", properties: {} })).toBe("server:new.thing");
});
