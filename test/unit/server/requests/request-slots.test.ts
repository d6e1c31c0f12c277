import { expect, it } from "vitest";
import { RequestSlots } from "../../../../src/server/requests/request-slots.js";

it("runs at most half of its slots for one owner, lets owners take turns, and goes on after a failure", async () => {
  const slots = new RequestSlots(4);
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  const failed: string[] = [];
  const results = ["a1", "a2", "a3", "a4", "b1", "c1", "c2"].map((name) =>
    slots
      .run(name.slice(0, 1), async () => {
        running.push(name);
        await new Promise<void>((resolve) => ends.set(name, resolve));
        if (name === "a1") throw new Error(name);
      })
      .catch(() => failed.push(name)),
  );
  const end = async (name: string): Promise<readonly string[]> => {
    ends.get(name)?.();
    await new Promise(setImmediate);
    return running;
  };
  expect(await end("none")).toEqual(["a1", "a2", "b1", "c1"]);
  expect((await end("a1")).slice(4)).toEqual(["a3"]);
  expect((await end("b1")).slice(5)).toEqual(["c2"]);
  expect((await end("a2")).slice(6)).toEqual(["a4"]);
  for (const name of ["a3", "a4", "c1", "c2"]) await end(name);
  await Promise.all(results);
  expect(failed).toEqual(["a1"]);
});
