import { request } from "undici";
import { expect, it } from "vitest";
import { Home } from "../support/process/whcb-process.js";

it("the console's style sheet and scripts are sent compressed, in the better coding that the browser takes", async () => {
  await using home = new Home();
  const { url } = await home.serve();
  const html = await (await fetch(`${url}/console/sign-in`)).text();
  const files = new Set([...html.matchAll(/(?:src|href)="(\/console\/assets\/[^"]+)"/g)].map(([, path = ""]) => path));
  expect(files.size).toBe(3);
  for (const path of files) {
    const sizes = [];
    for (const [accepted, coding] of [
      ["gzip, deflate, br", "br"],
      ["gzip, deflate", "gzip"],
      ["deflate", undefined],
    ]) {
      const head = await request(`${url}${path}`, { method: "HEAD", headers: { "accept-encoding": accepted } });
      const { headers, body } = await request(`${url}${path}`, { headers: { "accept-encoding": accepted } });
      const bytes = await body.bytes();
      expect([headers["content-encoding"], headers.vary, head.headers]).toEqual([
        coding,
        "Accept-Encoding",
        expect.objectContaining({ "content-length": String(bytes.length) }),
      ]);
      sizes.push(bytes.length);
    }
    expect(sizes.toSorted((one, other) => one - other)).toEqual(sizes);
  }
});
