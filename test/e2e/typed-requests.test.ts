/** People type these requests to `whcb serve`, which runs as a process. They are sent as curl sends them, byte by byte. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { callIdOf, HEADERS, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

let home: Home;
let url: string;
let id: string;

beforeEach(async () => {
  home = new Home();
  const endpoint = await home.listen(["--status", "503"]);
  ({ url } = await home.serve(["--no-endpoint-check"], { env: USER_ENV }));
  id = await new ServedApi(url).create({ name: "demo", url: endpoint.url, retriesEnabled: false });
});

afterEach(() => home.leave());

/** Does what `curl -u … -H 'x-api-key: …' -X PUT -d '…' URL` does, with these further headers. Returns the status of the answer. */
async function curl(path: string, body: string, headers: readonly string[] = []): Promise<number> {
  const { host, hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `PUT ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${HEADERS.authorization}\r\nUser-Agent: curl/8.14.1\r\n` +
      `Accept: */*\r\nx-api-key: ${HEADERS["x-api-key"]}\r\n${headers.map((line) => `${line}\r\n`).join("")}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n${body}`,
  );
  const [answer] = await once(socket, "data");
  socket.destroy();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(String(answer))?.[1]);
}

it("the documented mark of several calls, typed with curl, marks them", async () => {
  const api = new ServedApi(url);
  const ids = [0, 1, 2, 3].map((number) => callIdOf(number));
  await api.hand(id, ids);
  await eventually(
    () => api.count(id, "FAILED"),
    (failed) => failed === 4,
  );
  const [a, b, c, d] = ids;
  const path = `/callbacks/${id}/calls`;
  expect(await curl(`${path}?id=${a}&id=${b}`, '{"status": "SUCCESS"}')).toBe(204);
  expect(await curl(`${path}?id=${c}`, "\ufeff\n <call><status>SUCCESS</status></call>")).toBe(204);
  expect((await api.list(id, "SUCCESS")).map((call) => call.id).sort()).toEqual([a, b, c]);

  const text = '{"status": "SUCCESS"}';
  expect(await curl(`${path}?id=${d}`, "status=SUCCESS")).toBe(415);
  expect(await curl(`${path}?id=${d}`, encodeURIComponent(text))).toBe(415);
  expect(await curl(`${path}?id=${d}`, text, ["Origin: https://evil.example"])).toBe(403);
  expect(await curl(`${path}?id=${d}`, text, ["Sec-Fetch-Site: cross-site"])).toBe(403);
  expect(await api.count(id, "FAILED")).toBe(1);
});
