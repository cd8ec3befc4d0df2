import { expect, test } from "vitest";
import { POWER } from "./power";

const possible = (state: Parameters<(typeof POWER)[number]["possible"]>[0]) =>
  POWER.filter((action) => action.possible(state)).map((action) => action.signal);

test("each state offers only what makes sense in it", () => {
  expect(possible("offline")).toEqual(["start"]);
  expect(possible("running")).toEqual(["restart", "stop", "kill"]);
  expect(possible("stopping")).toEqual(["kill"]);
  expect(possible("installing")).toEqual([]);
});

test("whatever loses something says what", () => {
  expect(POWER.filter((action) => action.signal !== "start").every((action) => action.loss)).toBe(true);
});
