/** One service can be named in several ways. A replay sends what the service itself would send. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { serveHere } from "../support/process/serve-here.js";
import { eventually, Home } from "../support/process/whcb-process.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

const USER = { WHCB_USERNAME: "ada", WHCB_PASSWORD: "correct horse battery", WHCB_API_KEY: "an-api-key-of-the-tests" };

it("a replay has the service's auth parameter and body names, however the service is named", async () => {
  const endpoint = await home.listen(["--status", "503"]);
  const { url } = await serveHere(home, ["--auth-parameter", "key", "--body-names", "messageId-location"], { env: USER });
  const create = ["callbacks", "create", "--name", "demo", "--url", `${endpoint.url}/hook`, "--auth", "queryparam"];
  const at = (service: string, ...args: string[]) =>
    home.whcb(args, { env: { ...USER, WHCB_URL: service, WHCB_CALLBACK_KEY: "k-of-demo-123" } });
  expect(await at(url, ...create, "--email", "ops@example.com")).toMatchObject({ code: 0 });
  expect(await at(url, "trigger", "demo")).toMatchObject({ code: 0 });
  await eventually(
    () => at(url, "calls", "list", "demo", "--failed", "-o", "ids"),
    ({ stdout }) => stdout !== "",
  );
  for (const service of [url, `${url}/`, url.replace("127.0.0.1", "localhost"), home.path("x.db")]) {
    for (const scope of [["demo"], []]) {
      const { stdout, stderr, code } = await at(service, "replay", ...scope, "--failed", "--dry-run", "--print-curl");
      expect({ service, code, stderr: code === 0 ? "" : stderr }).toEqual({ service, code: 0, stderr: "" });
      expect(stdout).toMatch(/\/hook\?key=/);
      expect(stdout).toContain('"messageId"');
    }
  }
});
