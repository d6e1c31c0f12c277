import { once } from "node:events";
import { isAcceptedStatus } from "../../../domain/attempt.js";
import { commandLine } from "../../../domain/command-line.js";
import { maskQuery } from "../../../domain/mask.js";
import { toIsoDate } from "../../../wire/dates.js";
import { isObject } from "../../../wire/json/json-value.js";
import { type JsonLimits, readJson } from "../../../wire/json/read-json.js";
import type { Invocation } from "../../args/command-spec.js";
import type { FlagValues } from "../../args/flag.js";
import { onFirstInterrupt } from "../../on-interrupt.js";
import type { RenderOptions } from "../../output/screen.js";
import { type ScreenText, safeJson, text } from "../../output/screen-text.js";
import { formatInstant } from "../../output/times.js";
import type { ListenFlags } from "./command.js";
import { type Behaviour, mayAccept, openEndpoint, type Received } from "./local-endpoint.js";

export async function run({ deps, values, screen }: Invocation<ListenFlags>): Promise<void> {
  const ending = new AbortController();
  const isJson = screen.format === "json" || screen.format === "ndjson";
  const isRepeat = rememberIds();
  const print = async (received: Received): Promise<void> => {
    const repeat = isRepeat(received);
    const line = isJson
      ? text`${safeJson(receivedJson(received, repeat))}\n`
      : renderReceived(received, repeat, screen.renderOptions);
    await screen.out(line).catch((error: unknown) => {
      ending.abort(error);
      throw error;
    });
  };
  const behaviour = readBehaviour(values);
  const endpoint = await openEndpoint({ port: values.port, behaviour, clock: deps.clock }, print);
  using _interrupts = onFirstInterrupt(deps.io, () => ending.abort());
  try {
    if (mayAccept(behaviour)) {
      const failing = commandLine({ command: "listen", flags: ["--port", String(values.port), "--status", "503"] });
      screen.info(`note: what gets a 200 counts as delivered; \`${failing}\` keeps calls FAILED`);
    }
    // In JSON modes stdout holds only JSON.
    if (isJson) screen.info(`Listening on ${endpoint.url}`);
    else await screen.out(text`Listening on ${endpoint.url}\n`);
    if (!ending.signal.aborted) await once(ending.signal, "abort");
  } finally {
    await endpoint.close();
  }
}

function readBehaviour(values: FlagValues<ListenFlags>): Behaviour {
  return {
    status: values.status ?? null,
    failFirst: values.failFirst ?? null,
    failForMs: values.failFor ?? null,
    flaky: values.flaky ?? null,
    seed: values.seed,
    delayMs: values.delay ?? 0,
    hang: values.hang,
  };
}

/** `MAX_REMEMBERED_LENGTH` is in characters, with 100 more for each id: about 100 000 ids. An older id counts as new. */
const MAX_REMEMBERED_LENGTH = 16_000_000;

function rememberIds(): (received: Received) => boolean {
  const seen = new Set<string>();
  let length = 0;
  return ({ headers }) => {
    const id = headers["webhook-id"];
    if (typeof id !== "string") return false;
    if (seen.has(id)) return true;
    const added = id.length + 100;
    if (length + added > MAX_REMEMBERED_LENGTH) {
      seen.clear();
      length = 0;
    }
    seen.add(id);
    length += added;
    return false;
  };
}

function renderReceived(received: Received, isRepeat: boolean, options: RenderOptions): ScreenText {
  const { palette } = options;
  const status = received.status === null ? "hangs" : String(received.status);
  const paint = isAcceptedStatus(received.status) ? palette.good : palette.bad;
  const what = received.number === 0 ? "" : ` ${describeBody(received.body)}`;
  const repeat = isRepeat ? text` ${palette.warn("(seen before)")}` : "";
  const head = text`${palette.dim(formatInstant(received.receivedAt, options.utc))} ${paint(status)} ${received.method} ${maskQuery(received.url)}`;
  return text`${head}${what}${repeat}\n`;
}

/** The object is a documented contract. Keys are masked. */
function receivedJson(received: Received, isRepeat: boolean): Readonly<Record<string, unknown>> {
  return {
    at: toIsoDate(received.receivedAt),
    method: received.method,
    url: maskQuery(received.url),
    status: received.status,
    webhookId: received.headers["webhook-id"] ?? null,
    repeat: isRepeat,
    headers: Object.fromEntries(Object.entries(received.headers).map(([name, value]) => [name, isSecret(name) ? "••••" : value])),
    body: parseBody(received.body),
  };
}

function isSecret(header: string): boolean {
  return /auth|key|token|secret|cookie/i.test(header);
}

function describeBody(body: string): string {
  const document = parseBody(body);
  if (!isObject(document)) return `${Buffer.byteLength(body)} bytes`;
  const response = isObject(document.responseMessage) ? document.responseMessage : {};
  const from = isObject(document.from) ? document.from : {};
  const sender = [from.mobile, from.email, from.voice, from.name].find((text) => typeof text === "string" && text !== "");
  const content = typeof response.content === "string" ? JSON.stringify(response.content.slice(0, 120)) : "";
  const kind = response.undeliverable ? "undeliverable" : "reply";
  return [kind, typeof sender === "string" ? `from ${sender}` : "", content].filter((part) => part !== "").join(" ");
}

const BODY_LIMITS: JsonLimits = { values: 200_000, levels: 128 };

/** Returns JSON if it is within the limits, else the text as it is. */
function parseBody(body: string): unknown {
  try {
    return readJson(body, "body", BODY_LIMITS);
  } catch {
    return body;
  }
}
