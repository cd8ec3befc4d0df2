import { expect, test } from "vitest";
import { ago, bytes, duration, joinAddress, mebibytes, percent } from "./format";

test("sizes carry the unit that keeps them short", () => {
  expect([bytes(0), bytes(1536), bytes(150 * 1024 ** 2), bytes(2.5 * 1024 ** 3)]).toEqual([
    "0 B",
    "1.5 KiB",
    "150 MiB",
    "2.5 GiB",
  ]);
});

test("no limit is said in words", () => {
  expect(mebibytes(0)).toBe("unlimited");
});

test("small shares keep a decimal", () => {
  expect([percent(3.14159), percent(250.6)]).toEqual(["3.1 %", "251 %"]);
});

test("times grow coarser with distance", () => {
  expect([duration(9_000), duration(150_000), duration(3_900_000)]).toEqual(["9 s", "2 min", "1 h 5 min"]);
  expect(ago("2026-01-01T00:00:00Z", Date.parse("2026-01-01T03:10:00Z"))).toBe("3 h ago");
});

test("an address on all interfaces is joined by the node's name", () => {
  expect(joinAddress({ ip: "0.0.0.0", port: 25565 }, "play.example.org")).toBe("play.example.org:25565");
  expect(joinAddress({ ip: "203.0.113.4", ip_alias: "mc.example.org", port: 1 }, "n")).toBe(
    "mc.example.org:1",
  );
  expect(joinAddress({ ip: "2001:db8::1", port: 2 }, "n")).toBe("[2001:db8::1]:2");
});
