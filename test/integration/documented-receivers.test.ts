/** The receivers of docs/signed-deliveries.md, each run where its language is installed. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SigningSecret } from "../../src/domain/callback.js";
import { systemClock } from "../../src/platform/clock.js";
import { newSigningSecret, systemRandom } from "../../src/platform/random.js";
import { signDelivery } from "../../src/wire/delivery-request.js";

const DOCUMENT = readFileSync(join(import.meta.dirname, "../../docs/signed-deliveries.md"), "utf8");
const SECRET = newSigningSecret(systemRandom);
const [CURRENT, OTHER]: SigningSecret[] = [SECRET, newSigningSecret(systemRandom)].map((secret) => ({ secret, until: null }));
const LANGUAGES = [
  { language: "js", file: "receiver.mjs", command: process.execPath, argv: (file: string) => [file] },
  { language: "python", file: "receiver.py", command: "python3", argv: (file: string) => [file] },
  { language: "php", file: "receiver.php", command: "php", argv: (file: string, at: string) => ["-S", at, file] },
];

function isInstalled({ command }: (typeof LANGUAGES)[number]): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

let folder: string;
let receiver: ChildProcess;
let url: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "whcb-receiver-"));
});

afterEach(async () => {
  const ended = once(receiver, "exit");
  if (receiver.exitCode === null && receiver.kill("SIGKILL")) await ended;
  rmSync(folder, { recursive: true });
});

async function start({ language, file, command, argv }: (typeof LANGUAGES)[number]): Promise<void> {
  const [, code = ""] = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "ms").exec(DOCUMENT) ?? [];
  writeFileSync(join(folder, file), code);
  const port = await freePort();
  url = `http://127.0.0.1:${port}/`;
  const env = { ...process.env, PORT: String(port), SIGNING_SECRET: SECRET };
  receiver = spawn(command, argv(join(folder, file), `127.0.0.1:${port}`), { env, stdio: "ignore" });
  while ((await fetch(url).catch(() => null))?.status !== 200) await systemClock.sleepUntil(systemClock.now() + 20);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

interface Post {
  readonly secrets: readonly (SigningSecret | undefined)[];
  readonly body?: string;
  readonly sent?: string;
  readonly ageMs?: number;
}

/** Resolves to the status. */
async function post({ secrets, body = '{"content":"Zoë 😀"}', sent = body, ageMs = 0 }: Post): Promise<number> {
  const unsigned = { method: "POST", url, headers: { "webhook-id": "a.1764400000" }, body } as const;
  const signers = secrets.flatMap((secret) => secret ?? []);
  const { headers } = signDelivery(unsigned, signers, () => systemClock.now() - ageMs);
  return (await fetch(url, { method: "POST", headers: { ...headers, "content-type": "text/plain" }, body: sent })).status;
}

describe("the documented receiver", () => {
  for (const one of LANGUAGES)
    it.runIf(isInstalled(one))(`in ${one.language} accepts what is signed, now, and nothing else`, async () => {
      await start(one);
      expect(await post({ secrets: [CURRENT] })).toBe(200);
      expect(await post({ secrets: [CURRENT], body: '<?xml version="1.0"?>\r\n<a>ë</a>' })).toBe(200);
      expect(await post({ secrets: [OTHER, CURRENT] })).toBe(200);
      expect(await post({ secrets: [CURRENT], ageMs: 240_000 })).toBe(200);
      expect(await post({ secrets: [CURRENT], ageMs: 360_000 })).toBe(401);
      expect(await post({ secrets: [CURRENT], ageMs: -360_000 })).toBe(401);
      expect(await post({ secrets: [CURRENT], sent: '{"content":"Zoe"}' })).toBe(401);
      expect(await post({ secrets: [OTHER] })).toBe(401);
      expect(await post({ secrets: [] })).toBe(401);
      const unreadable = { "webhook-signature": "v1,ü", "webhook-timestamp": "ü" };
      expect((await fetch(url, { method: "POST", headers: unreadable })).status).toBe(401);
    });
});
