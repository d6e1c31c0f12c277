/** The lock file of a database is removed while it is served, as a file that looks left behind. */
import { rmSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Home } from "../support/process/whcb-process.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

const removeLock = () => rmSync(home.path("x.db-serve.lock"));
const REFUSED = () => `error: ${home.path("x.db")} is used by another process, and its lock file is another one than before`;

it("a second serve doesn't start, however often it is tried, until the first has ended", async () => {
  const first = await home.serve();
  for (let round = 0; round < 2; round += 1) {
    removeLock();
    for (let time = 0; time < 2; time += 1) {
      const second = home.start(["serve", "--port", "0", "--db", home.path("x.db")]);
      expect((await second.says(/^(error|Listening).*/m))[0]).toBe(REFUSED());
      expect(await second.ended).toMatchObject({ code: 4 });
    }
  }
  first.child.kill("SIGKILL");
  await first.ended;
  await home.serve();
});

it("what can't run beside a serve doesn't run either", async () => {
  await home.serve();
  removeLock();
  expect(await home.whcb(["db", "erase", "--sender", "+61491570100", "--yes", "--db", home.path("x.db")])).toMatchObject({
    code: 4,
    stderr: expect.stringContaining(REFUSED()),
  });
});

it("commands on the file still run, and a lock file that nobody holds may be removed", async () => {
  const first = await home.serve();
  removeLock();
  expect(await home.whcb(["callbacks", "list"], { env: { WHCB_URL: home.path("x.db") } })).toMatchObject({ code: 0 });
  first.child.kill("SIGTERM");
  await first.ended;
  await home.serve();
});
