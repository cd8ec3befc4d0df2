import { expect, test } from "vitest";
import { emptyHistory, remember, walk } from "./history";

test("up goes back through what was typed and down returns to the draft", () => {
  let history = remember(remember(emptyHistory(), "say hi"), "list");
  let step = walk(history, -1, "draft");
  // nothing begins with "draft", so the line stays
  expect(step.line).toBe("draft");
  step = walk(history, -1, "");
  expect(step.line).toBe("list");
  history = step.history;
  step = walk(history, -1, step.line);
  expect(step.line).toBe("say hi");
  step = walk(step.history, 1, step.line);
  step = walk(step.history, 1, step.line);
  expect(step.line).toBe("");
});

test("only lines that begin like the draft come up", () => {
  const history = remember(remember(remember(emptyHistory(), "say one"), "list"), "say two");
  const first = walk(history, -1, "say");
  const second = walk(first.history, -1, first.line);
  expect([first.line, second.line]).toEqual(["say two", "say one"]);
});

test("a repeated command moves to the end and blanks are not kept", () => {
  const history = remember(remember(remember(emptyHistory(), "a"), "b"), "a");
  expect(remember(history, "  ").entries).toEqual(["b", "a"]);
});
