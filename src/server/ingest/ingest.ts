/** From what a caller handed in to calls on disk: ids made, disabled kinds refused, batches committed. */
import { callIdFrom } from "../../domain/call.js";
import type { Callback } from "../../domain/callback.js";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import type { Random } from "../../platform/random.js";
import { randomId, timeOrderedId } from "../../platform/random.js";
import type { NewCall } from "../../store/store.js";
import { toPlatformDate } from "../../wire/dates.js";
import type { Submission, SubmissionDefaults } from "../../wire/json/parse-call.js";
import type { AcceptQueue } from "./accept-queue.js";
import { type Line, readLines } from "./ndjson.js";

export interface IntakeDeps {
  readonly queue: AcceptQueue;
  readonly clock: Clock;
  readonly random: Random;
}

export interface StreamOutcome {
  readonly accepted: number;
  /** The first lines that were refused; `rejectedCount` where there are more than are shown. */
  readonly rejected: readonly { readonly line: number; readonly errorDetail: string }[];
  readonly rejectedCount?: number;
}

/** Lines committed together. */
const BATCH = 1000;
const MOST_REJECTED_SHOWN = 1000;

/** The schemas are loaded with the first response, and kept here: a dynamic import costs more than a response does. */
let parsers: typeof import("../../wire/json/parse-call.js") | null = null;

async function loadParsers(): Promise<typeof import("../../wire/json/parse-call.js")> {
  parsers = await import("../../wire/json/parse-call.js");
  return parsers;
}

/** All or none: the ids in the order given. Throws `invalid` where one is off or its kind is disabled. */
export async function takeSubmissions(deps: IntakeDeps, callback: Callback, body: unknown): Promise<readonly string[]> {
  const { parseSubmissions } = parsers ?? (await loadParsers());
  const calls = parseSubmissions(body, defaultsOf(deps)).map((submission) => newCall(deps, callback, submission));
  await deps.queue.accept(callback.id, calls);
  return calls.map(({ id }) => id);
}

/** Good lines are kept whatever the others are. What was accepted before the stream broke off stays accepted. */
export async function takeStream(
  deps: IntakeDeps,
  callback: Callback,
  stream: AsyncIterable<Buffer | string>,
): Promise<StreamOutcome> {
  const { parseSubmission } = parsers ?? (await loadParsers());
  const rejected: { line: number; errorDetail: string }[] = [];
  let accepted = 0;
  let rejectedCount = 0;
  let batch: { line: number; call: NewCall }[] = [];
  const reject = (line: number, error: unknown): void => {
    if (!isWhcbError(error, "invalid") && !isWhcbError(error, "malformed")) throw error;
    rejectedCount += 1;
    if (rejected.length < MOST_REJECTED_SHOWN) rejected.push({ line, errorDetail: error.message });
  };
  const commit = async (): Promise<void> => {
    const lines = batch;
    batch = [];
    accepted += await commitLines(deps.queue, callback.id, lines, reject);
  };
  for await (const line of readLines(stream)) {
    if (line.text !== null && line.text.trim() === "") continue;
    try {
      batch.push({ line: line.number, call: newCall(deps, callback, parseSubmission(parseLine(line), defaultsOf(deps))) });
    } catch (error) {
      reject(line.number, error);
    }
    if (batch.length >= BATCH) await commit();
  }
  await commit();
  rejected.sort((a, b) => a.line - b.line);
  return { accepted, rejected, ...(rejectedCount > rejected.length && { rejectedCount }) };
}

async function commitLines(
  queue: AcceptQueue,
  callbackId: string,
  lines: readonly { readonly line: number; readonly call: NewCall }[],
  reject: (line: number, error: unknown) => void,
): Promise<number> {
  if (lines.length === 0) return 0;
  try {
    return await queue.accept(
      callbackId,
      lines.map(({ call }) => call),
    );
  } catch (error) {
    const [first] = lines;
    if (lines.length === 1 && first !== undefined) {
      reject(first.line, error);
      return 0;
    }
    if (!isWhcbError(error, "invalid")) throw error;
    // An id of another callback's call is among them: halve until it stands alone, and keep the rest.
    const middle = lines.length >> 1;
    const before = await commitLines(queue, callbackId, lines.slice(0, middle), reject);
    return before + (await commitLines(queue, callbackId, lines.slice(middle), reject));
  }
}

function newCall({ clock, random }: IntakeDeps, callback: Callback, { id, response }: Submission): NewCall {
  const { kind } = response.responseMessage;
  if (!callback.events[kind]) {
    throw new WhcbError("invalid", `callbacks.${kind} is disabled: callback ${callback.name} takes no response of this kind`);
  }
  return { id: id === null ? timeOrderedId(clock.now(), random) : callIdFrom(id), response };
}

function defaultsOf({ clock, random }: IntakeDeps): SubmissionDefaults {
  return { newMessageId: () => randomId(random), date: toPlatformDate(clock.now()) };
}

function parseLine({ text }: Line): unknown {
  if (text === null) throw new WhcbError("invalid", "the line is longer than 1 MiB");
  try {
    return JSON.parse(text);
  } catch {
    throw new WhcbError("malformed", "the line is no JSON");
  }
}
