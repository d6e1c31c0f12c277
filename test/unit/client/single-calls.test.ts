import { expect, it } from "vitest";
import { clientOver } from "../../support/client/client-services.js";

it("takes of the ids that a service returns for a prefix only generated ones that begin with it", async () => {
  const callIds = ["ABCDEF01".padEnd(32, "0"), "0".repeat(32), "ABCDEF-1", "ABCDEF017"];
  const client = clientOver({
    name: "https://service.invalid",
    basePath: "",
    send: async () => ({ status: 200, headers: {}, body: JSON.stringify({ callIds, hasMore: false }) }),
    close: async () => undefined,
  });
  const found = await client.findCallIds("CB", ["abcdef"]);
  expect(found.get("abcdef")).toEqual({ callIds: callIds.slice(0, 1), hasMore: false });
});

it("takes no other call than the one it asked for, whatever a service makes of its id", async () => {
  const lists = [{ status: "1 to 1 of 1", calls: [{ id: "not2AB", status: "FAILED" }] }];
  const client = clientOver({
    name: "https://service.invalid",
    basePath: "",
    send: async ({ path }) => ({
      status: 200,
      headers: {},
      body: JSON.stringify(path.includes("?") ? lists[0] : lists[0]?.calls[0]),
    }),
    close: async () => undefined,
  });
  expect(await client.findCalls("CB", ["nOt2aB"])).toEqual([]);
  expect((await client.findCalls("CB", ["not2AB"])).map(({ id }) => id)).toEqual(["not2AB"]);
});

it.each([1, 3])(
  "takes a gateway's 404, the %s. answer of a call's path, for a failure, and not for a call that isn't there",
  async (nth) => {
    const documented = JSON.stringify({ errorSummary: "Not found", errorText: "Not Found", errorDetail: "no such call" });
    let reads = 0;
    const client = clientOver({
      name: "https://service.invalid",
      basePath: "",
      async send({ path }) {
        if (/calls(\?|$)/.test(path)) {
          return {
            status: 200,
            headers: {},
            body: JSON.stringify({ status: "1 to 1 of 1", calls: [{ id: "a", status: "FAILED" }] }),
          };
        }
        if (++reads === nth) return { status: 404, headers: {}, body: "default backend - 404" };
        return path.endsWith("/a")
          ? { status: 200, headers: {}, body: '{"id":"a"}' }
          : { status: 404, headers: {}, body: documented };
      },
      close: async () => undefined,
    });
    await expect(client.findCalls("CB", ["b", "a"])).rejects.toMatchObject({ code: "unavailable" });
    expect((await client.findCalls("CB", ["b", "a"])).map(({ id }) => id)).toEqual(["a"]);
  },
);

it.each([5, 100])("doesn't keep %i calls that take too much together", async (count) => {
  const ids = Array.from({ length: count }, (_, number) => `C${number}`);
  const more = "x".repeat(300_000_000 / count);
  const call = (id: string) => ({ id, status: "FAILED", more });
  const client = clientOver({
    name: "https://service.invalid",
    basePath: "",
    async send({ path }) {
      const url = new URL(path, "https://service.invalid");
      const [, first = ""] = /after=C(\d+)/.exec(url.search) ?? [];
      const next = Number(first) + 10;
      const link = next < count ? [{ rel: "next", method: "GET", uri: `${url.pathname}?after=C${next}` }] : [];
      const list = { status: `1 to ${count} of ${count}`, calls: ids.slice(Number(first), next).map(call), link };
      const document = url.pathname.endsWith("/calls") ? list : call(url.pathname.split("/").at(-1) ?? "");
      return { status: 200, headers: {}, body: JSON.stringify(document) };
    },
    close: async () => undefined,
  });
  const said = await client.findCalls("CB", ids).then(({ length }) => `${length} calls`, String);
  expect(said).toContain("the list doesn't end: more than ");
});
