/** A node whose database is replaced by one that lacks its last transactions, as an asynchronous standby may: docs/operations.md, Failover. */
import { execFileSync } from "node:child_process";
import { appendFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { freePort, type PostgresServer, startServer } from "../support/postgres/server.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

/** Answers 200; at /hang once it is released. */
async function startEndpoint() {
  const received: string[] = [];
  const hanging = new Set<ServerResponse>();
  let isReleased = false;
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      received.push(String(request.headers["webhook-id"]));
      if (request.url === "/hang" && !isReleased) hanging.add(response);
      else response.end();
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    release() {
      isReleased = true;
      for (const response of hanging) response.end();
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

let home: Home;
let database: PostgresServer;
let endpoint: Awaited<ReturnType<typeof startEndpoint>>;

beforeEach(async () => {
  home = new Home();
  database = await startServer();
  endpoint = await startEndpoint();
});
afterEach(async () => {
  await home.leave();
  endpoint.stop();
  await database.stop();
});

/** Restores it as of this moment, on another timeline. */
async function remember({ folder, halt, start }: PostgresServer): Promise<() => Promise<void>> {
  const copy = `${folder}-before`;
  await halt("fast");
  execFileSync("cp", ["-a", folder, copy]);
  await start();
  return async () => {
    await halt("immediate");
    rmSync(folder, { recursive: true });
    renameSync(copy, folder);
    appendFileSync(join(folder, "postgresql.auto.conf"), "restore_command = 'false'\n");
    writeFileSync(join(folder, "recovery.signal"), "");
    await start();
  };
}

const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => callIdOf(index, prefix));

it("a standby that lacks the last transactions: what it accepts is sent, and gets its own outcome", async () => {
  const args = ["serve", "--port", "0", "--no-endpoint-check", "--log-level", "warn"];
  const node = home.start(args, { env: { ...USER_ENV, WHCB_DB: database.url } });
  const [, address = ""] = await node.says(/Listening on (http:\/\/\S+)/);
  const api = new ServedApi(address);
  const [quick, hanging] = await Promise.all(
    ["quick", "hang"].map((name) => api.create({ name, url: `${endpoint.url}/${name}` })),
  );
  const hand = async (callback: string | undefined, ids: readonly string[]) => {
    const accepting = async () => (await api.hand(String(callback), ids)).status;
    await eventually(accepting, (status) => status === 202);
  };
  const arrived = (ids: readonly string[]) =>
    eventually(
      async () => ids.filter((id) => !endpoint.received.includes(id)).length,
      (missing) => missing === 0,
    );
  for (const [callback, ids] of [
    [quick, numbered("first", 1)],
    [hanging, numbered("begun", 1)],
  ] as const) {
    await hand(callback, ids);
    await arrived(ids);
  }

  const goBack = await remember(database);
  // Their numbers are given again.
  const lost = [numbered("lost", 1), numbered("sent", 100)] as const;
  await hand(hanging, lost[0]);
  await arrived(lost[0]);
  await hand(quick, lost[1]);
  await arrived(lost[1]);
  await goBack();

  const [held, sent] = [numbered("held", 1), numbered("new", 1)] as const;
  await hand(hanging, held);
  await hand(quick, sent);
  await arrived(sent);
  endpoint.release();
  await eventually(
    () => api.count(String(hanging), "PENDING"),
    (pending) => pending === 0,
  );
  expect(endpoint.received.filter((id) => held.includes(id))).toEqual(held);
  expect(await api.list(String(hanging), "SUCCESS")).toMatchObject([{ id: held[0], attemptCount: 1 }, { attemptCount: 1 }]);
  await node.says(/The database was replaced by a standby or a backup/);
  expect((await node.stop()).code).toBe(0);
});
