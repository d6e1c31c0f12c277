import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { SubmittedCall } from "../../../client/call-requests.js";
import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import type { MessageResponse } from "../../../domain/message-response.js";
import { randomId } from "../../../platform/random.js";
import { toPlatformDate } from "../../../wire/dates.js";
import { parseSubmission } from "../../../wire/json/parse-call.js";
import { parseJsonText } from "../../../wire/json/read-json.js";
import { SubmissionSchema, unknownMembers } from "../../../wire/json/request-schemas.js";
import { CallDocument } from "../../../wire/openapi/document-schemas.js";
import type { Invocation } from "../../args/command-spec.js";
import { unreadableFile } from "../../args/flag-values.js";
import type { CliDeps } from "../../cli-deps.js";
import { EXIT_CODES, EXIT_INTERRUPTED } from "../../exit-codes.js";
import { onInterrupt } from "../../on-interrupt.js";
import { writeJson } from "../../output/json-fields.js";
import { exitCodeOf } from "../../output/render-error.js";
import { joinText, safeJson, text } from "../../output/screen-text.js";
import { findCallback, withSession } from "../../settings/session.js";
import { showService } from "../../settings/take-locks.js";
import type { TriggerFlags } from "./command.js";

/** The service's limit per request. */
const MAX_BATCH = 1_000;

export function run(invocation: Invocation<TriggerFlags>): Promise<void> {
  const { args, values, screen, deps } = invocation;
  const { rate = null, file } = values;
  return withSession(invocation, async (session) => {
    const { client } = session;
    const callback = await findCallback(session, args.operand(0));
    await showService(invocation, session);
    const calls = file === undefined ? generateCalls(invocation) : readCalls(deps, file);
    const ids: string[] = [];
    let accepted = 0;
    let known = 0;
    let lastLine = 0;
    let inFlight: readonly ReadCall[] = [];
    let isStopping = false;
    const describe = () => describeSubmitted({ accepted, lastLine, inFlight }, file);
    using _interrupts = onInterrupt(deps.io, () => {
      const mayEnd = isStopping || inFlight.length === 0;
      isStopping = true;
      if (!mayEnd) return screen.info("stopping after the request in flight; press Ctrl-C again to stop at once");
      screen.info(describe());
      deps.io.exitNow(EXIT_INTERRUPTED);
    });
    try {
      for await (const batch of inBatches(calls, rate, deps)) {
        inFlight = batch;
        const submitted = await client.submitCalls(callback.id, batch);
        accepted += submitted.ids.length;
        known += submitted.known;
        lastLine = batch.at(-1)?.line ?? 0;
        inFlight = [];
        if (screen.format === "ndjson") await screen.out(joinText(submitted.ids.map((id) => text`${safeJson({ id })}\n`)));
        if (screen.format === "json") ids.push(...submitted.ids);
        if (isStopping) throw new WhcbError("interrupted", "interrupted");
      }
    } catch (error) {
      // The service would have rejected them each time that they were sent.
      if (exitCodeOf(error) === EXIT_CODES.usage) inFlight = [];
      if (file !== undefined || accepted + inFlight.length > 0) screen.info(describe());
      throw error;
    }
    const added = accepted - known;
    const repeats = known === 0 ? "" : `, ${known} known already`;
    if (screen.format === "json") await writeJson({ callbackId: callback.id, accepted: added, ids }, screen);
    else if (screen.format !== "ndjson")
      await screen.out(text`accepted ${count(added, "response")} for ${callback.name}${repeats}\n`);
  });
}

interface ReadCall extends SubmittedCall {
  /** Lines are counted from 1. A generated call has none. */
  readonly line?: number;
}

interface Submitted {
  readonly accepted: number;
  /** What was accepted ends with this line. */
  readonly lastLine: number;
  /** It isn't known whether these were accepted. */
  readonly inFlight: readonly ReadCall[];
}

/** Says what a user needs to go on: a response without an id is accepted again. */
function describeSubmitted({ accepted, lastLine, inFlight }: Submitted, file: string | undefined): string {
  if (accepted + inFlight.length === 0) return "nothing was submitted";
  const [first, last] = [inFlight[0]?.line, inFlight.at(-1)?.line];
  const end = file === undefined ? "" : `, to line ${lastLine}`;
  const known = `${count(accepted, "response")} ${accepted === 1 ? "was" : "were"} accepted${end}`;
  const lines = file === undefined ? "" : ` (lines ${first} to ${last})`;
  const which = accepted > 0 ? `${inFlight.length} more` : count(inFlight.length, "response");
  const unknown = `whether ${which} ${inFlight.length === 1 ? "was" : "were"} accepted${lines} isn't known`;
  const parts = [...(accepted > 0 ? [known] : []), ...(inFlight.length > 0 ? [unknown] : [])];
  return [...parts, ...(file === undefined ? [] : ["only those with an id can safely be submitted again"])].join("; ");
}

/** With a rate there are at most ten batches a second, evenly spaced. */
async function* inBatches(
  calls: AsyncIterable<ReadCall> | Iterable<ReadCall>,
  rate: number | null,
  { clock }: CliDeps,
): AsyncIterable<readonly ReadCall[]> {
  const size = rate === null ? MAX_BATCH : Math.max(1, Math.min(MAX_BATCH, Math.round(rate / 10)));
  const startedAt = clock.now();
  let sent = 0;
  let batch: ReadCall[] = [];
  for await (const call of calls) {
    batch.push(call);
    if (batch.length < size) continue;
    if (rate !== null) await clock.sleepUntil(startedAt + (sent / rate) * 1_000);
    sent += batch.length;
    yield batch;
    batch = [];
  }
  if (batch.length === 0) return;
  if (rate !== null) await clock.sleepUntil(startedAt + (sent / rate) * 1_000);
  yield batch;
}

function* generateCalls({ values, deps }: Invocation<TriggerFlags>): Iterable<SubmittedCall> {
  const { count: total, kind } = values;
  const channel = CHANNELS[values.channel];
  const content = values.content ?? (kind === "reply" ? "Yes, I can come (reply {n})" : "");
  for (let number = 1; number <= total; number++) {
    const response: MessageResponse = {
      messageId: randomId(deps.random),
      messageLocation: "",
      from: newSender(number, channel),
      responseMessage: {
        channel,
        kind,
        date: toPlatformDate(deps.clock.now()),
        content: content.replaceAll("{n}", String(number)),
      },
      customParameters: {},
    };
    yield { response };
  }
}

const CHANNELS = { sms: "SMS", email: "EMAIL", voice: "VOICE" } as const;

/** Uses Australian numbers for fiction, and a reserved domain. */
function newSender(number: number, channel: "SMS" | "EMAIL" | "VOICE"): MessageResponse["from"] {
  const phone = `614915701${String(number % 100).padStart(2, "0")}`;
  const empty = { name: `Person ${number}`, mri: "", mobile: "", email: "", voice: "" };
  if (channel === "SMS") return { ...empty, mobile: phone };
  return channel === "EMAIL" ? { ...empty, email: `person${number}@example.com` } : { ...empty, voice: phone };
}

async function* readCalls(deps: CliDeps, file: string): AsyncIterable<ReadCall> {
  let number = 0;
  for await (const line of readLines(deps, file)) {
    number += 1;
    if (line.trim() === "") continue;
    const place = `${file === "-" ? "stdin" : file}, line ${number}`;
    yield { ...parseLine(line, place), line: number };
  }
}

/** A call of the API's list is a response, too. */
const KNOWN_MEMBERS = { ...SubmissionSchema.properties, ...CallDocument.properties };

/** Other members would be lost, as the content in a list of whcb's own. */
function parseLine(line: string, place: string): SubmittedCall {
  try {
    const value = parseJsonText(line);
    const { id, response } = parseSubmission(value);
    const unknown = unknownMembers(value, KNOWN_MEMBERS);
    const are = unknown.length === 1 ? "isn't a member" : "aren't members";
    if (unknown.length > 0)
      throw new WhcbError("malformed", `${unknown.join(", ")} ${are} of a response, such as messageId, from or responseMessage`);
    return id === null ? { response } : { id, response };
  } catch (error) {
    const problem = error instanceof SyntaxError ? "not JSON" : error instanceof Error ? error.message : String(error);
    throw new WhcbError("malformed", `${place}: ${problem.replace("the body", "the line")}`, { cause: error });
  }
}

async function* readLines({ io }: CliDeps, file: string): AsyncIterable<string> {
  const input = file === "-" ? io.stdin : createReadStream(file, "utf8");
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw unreadableFile(file, error);
  }
}
