/** A service groups, or says that it does. */
import { expect, it } from "vitest";
import type { TransportRequest } from "../../../src/client/transport.js";
import { clientOver } from "../../support/client/client-services.js";

const CALL = { id: "A".repeat(32), status: "FAILED", callback: { statusCode: 503 } };

function clientOf(answer: (request: TransportRequest) => object) {
  return clientOver({
    name: "https://service.invalid",
    basePath: "",
    send: async (request) => ({ status: 200, headers: {}, body: JSON.stringify(answer(request)) }),
    close: async () => undefined,
  });
}

async function counts(answer: (request: TransportRequest) => object): Promise<readonly number[]> {
  const found: number[] = [];
  const query = { filter: { status: "FAILED" }, by: ["statusCode"] } as const;
  for await (const { groups } of clientOf(answer).groupCalls("CB", query)) found.push(...groups.map(({ count }) => count));
  return found;
}

const group = (count: number) => ({ groupedBy: "statusCode", groups: [{ statusCode: 503, count }] });
const next = (uri: string) => ({ link: [{ uri, rel: "next", method: "GET" }] });

it("reads the rest of the groups", async () => {
  const found = await counts(({ path }) =>
    path.includes("cursor") ? group(2) : { ...group(1), ...next("/callbacks/CB/calls?cursor=x") },
  );
  expect(found).toEqual([1, 2]);
});

it("counts the list of a service that grouped by something else", async () => {
  expect(await counts(() => ({ groupedBy: "hour", groups: [{ count: 40 }], calls: [CALL], status: "1 to 1 of 1" }))).toEqual([1]);
});

it("ends when links loop, leave the list, or lead to something else", async () => {
  const looping = () => ({ ...group(1), ...next("/callbacks/CB/calls?cursor=x") });
  await expect(counts(looping)).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("don't end") });
  const leaving = () => ({ ...group(1), ...next("/users") });
  await expect(counts(leaving)).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("isn't a page of this"),
  });
  const calls = ({ path }: TransportRequest) => (path.includes("cursor") ? { calls: [CALL] } : looping());
  await expect(counts(calls)).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("something else") });
});

it("ends when links take too much memory, as lists do", async () => {
  let answers = 0;
  const long = "x".repeat(8_000);
  const endless = () => ({ ...group(1), ...next(`/callbacks/CB/calls?cursor=${++answers}${long}`) });
  await expect(counts(endless)).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(/^the list doesn't end: more than \d+ bytes after \d+ items$/),
  });
  expect(answers).toBeLessThan(34_000);
});

it("cuts the texts of groups: however many there are, they take little memory", async () => {
  const long = "x".repeat(5000);
  const answer = { groupedBy: "messageId", groups: [{ messageId: long, count: 1, exampleId: long }] };
  const query = { filter: {}, by: ["messageId"] } as const;
  for await (const { groups } of clientOf(() => answer).groupCalls("CB", query)) {
    expect(groups.map(({ values, exampleId }) => [values.messageId?.length, exampleId?.length])).toEqual([[256, 256]]);
  }
});
