/** Responses are stored before the 202 (docs/contract.md, What ours adds). */
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { idKey } from "../../domain/call.js";
import type { Callback } from "../../domain/callback.js";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import { givenValues, type MessageResponse } from "../../domain/message-response.js";
import type { Clock } from "../../platform/clock.js";
import { type Random, timeOrderedId } from "../../platform/random.js";
import type { NewCall } from "../../store/calls/accept-calls.js";
import type { Submission } from "../../wire/json/parse-call.js";
import { readJson } from "../../wire/json/read-json.js";
import { lazyParts } from "../lazy-parts.js";
import { STREAM_BYTES, VALUE_BYTES } from "../requests/bodies.js";
import { ByteBudget, ownerOf } from "../requests/byte-budget.js";
import { type ErrorAnswer, errorAnswer } from "../requests/error-answers.js";
import { sendDocument } from "../requests/send-document.js";
import { rejectUnread } from "../requests/send-errors.js";
import type { CallbackPath, RouteContext } from "../routes/route-context.js";
import type { AcceptQueue } from "./accept-queue.js";
import { type Line, readLines } from "./ndjson.js";

/** Two long lines of different users fit at once. Streams hold a part of the budget of bodies: with long lines from it, they would wait for each other. */
const LONG_LINES_BYTES = 32 * 1024 * 1024;

export function addIngestRoute(app: FastifyInstance, { schemaFor, deps, lookup, queue, authenticator }: RouteContext): void {
  const ingest: IngestDeps = { queue, longLineBudget: new ByteBudget(LONG_LINES_BYTES), clock: deps.clock, random: deps.random };
  app.post<CallbackPath>(
    "/callbacks/:id/calls",
    { ...schemaFor("submitCalls"), config: { takesNdjson: true } },
    async (request, reply) => {
      // Throws `not-found`.
      const callback = await lookup.findRecent(request.params.id);
      if (request.body instanceof Readable) {
        const { credential } = request;
        const stream: LineStream = {
          // Destroying the request would prevent an answer.
          chunks: request.body.iterator({ destroyOnReturn: false }),
          owner: ownerOf(request),
          isUserCurrent: async () => credential === null || (await authenticator.isCurrent(credential)),
        };
        const outcome = await ingestLines(ingest, callback, stream);
        if (outcome.stoppedAtLine !== undefined) return rejectUnread(request, reply, tooManyRejected(outcome), deps.timers);
        return sendDocument(request, reply, { kind: "call", shape: "accepted", document: { ...outcome }, status: 202 });
      }
      const document = await ingestBody(ingest, callback, request);
      return sendDocument(request, reply, { kind: "call", shape: "calls", document, status: 202 });
    },
  );
}

function tooManyRejected(outcome: IngestedLines): ErrorAnswer {
  const detail = `The service stopped after ${MAX_REJECTED} rejected lines, at line ${outcome.stoppedAtLine}`;
  const { document, ...answer } = errorAnswer(422, "Too many lines are invalid", detail);
  return { ...answer, document: { ...document, ...outcome } };
}

interface IngestDeps {
  readonly queue: AcceptQueue;
  readonly longLineBudget: ByteBudget;
  readonly clock: Clock;
  readonly random: Random;
}

/** Stores all or none, and returns their ids in the order given, and how many are new. Throws `invalid`, also for a disabled kind. */
async function ingestBody(deps: IngestDeps, callback: Callback, { body, bodyBytes }: FastifyRequest) {
  const { parseSubmissions } = await lazyParts.callParsers();
  const calls = parseSubmissions(body).map((submission) => newCall(deps, callback, submission));
  const accepted = await deps.queue.accept(callback.id, calls, bodyBytes);
  return { calls: calls.map(({ id }) => ({ id })), accepted };
}

interface IngestedLines {
  /** Repeated ids don't count. */
  readonly accepted: number;
  readonly rejected: readonly RejectedLine[];
  /** `stoppedAtLine` is set after MAX_REJECTED rejected lines. */
  readonly stoppedAtLine?: number;
}

interface RejectedLine {
  readonly line: number;
  readonly errorDetail: string;
}

/** A commit has at most so many lines, or so many characters, with those that values count as, and one line. */
const BATCH_LINES = 1000;
const BATCH_LENGTH = STREAM_BYTES / 2;
const MAX_REJECTED = 1000;

interface LineStream {
  readonly chunks: AsyncIterable<Buffer | string>;
  readonly owner: string;
  /** The stream's user may have been removed since it began. */
  isUserCurrent(): Promise<boolean>;
}

/** Valid lines are kept, even if the stream is cut off. Throws `unauthenticated`. */
async function ingestLines(
  deps: IngestDeps,
  callback: Callback,
  { chunks, owner, isUserCurrent: mayGoOn }: LineStream,
): Promise<IngestedLines> {
  const { parseSubmission } = await lazyParts.callParsers();
  const rejected: RejectedLine[] = [];
  let accepted = 0;
  let batch: NumberedCall[] = [];
  let batchLength = 0;
  let stoppedAtLine: number | undefined;
  const reject = (line: number, error: unknown): void => {
    if (!isWhcbError(error, "invalid") && !isWhcbError(error, "malformed")) throw error;
    rejected.push({ line, errorDetail: error.message });
  };
  const commit = async (): Promise<void> => {
    if (!(await mayGoOn())) throw new WhcbError("unauthenticated", "The user was removed, or the password or the key changed");
    const [lines, length] = [batch, batchLength];
    batch = [];
    batchLength = 0;
    accepted += await commitLines(deps.queue, callback.id, { lines, length, reject });
  };
  await readLines(chunks, { room: deps.longLineBudget, owner }, async (line) => {
    if (line.text?.trim() === "") return true;
    batchLength += line.text?.length ?? 0;
    try {
      const call = newCall(deps, callback, parseSubmission(parseLine(line)));
      batch.push({ line: line.number, call });
      batchLength += countOwnValues(call.response) * VALUE_BYTES;
    } catch (error) {
      reject(line.number, error);
    }
    if (batch.length >= BATCH_LINES || batchLength >= BATCH_LENGTH) await commit();
    if (rejected.length < MAX_REJECTED) return true;
    stoppedAtLine = line.number;
    return false;
  });
  await commit();
  rejected.sort((a, b) => a.line - b.line);
  return { accepted, rejected, ...(stoppedAtLine !== undefined && { stoppedAtLine }) };
}

interface NumberedCall {
  readonly line: number;
  readonly call: NewCall;
}

interface LineBatch {
  readonly lines: readonly NumberedCall[];
  readonly length: number;
  reject(line: number, error: unknown): void;
}

async function commitLines(queue: AcceptQueue, callbackId: string, { lines, length, reject }: LineBatch): Promise<number> {
  if (lines.length === 0) return 0;
  try {
    return await queue.accept(
      callbackId,
      lines.map(({ call }) => call),
      length,
    );
  } catch (error) {
    const [first] = lines;
    if (lines.length === 1 && first !== undefined) {
      reject(first.line, error);
      return 0;
    }
    if (!isWhcbError(error, "invalid")) throw error;
    // The lines are halved until the other callback's id is alone.
    const middle = lines.length >> 1;
    const before = await commitLines(queue, callbackId, { lines: lines.slice(0, middle), length, reject });
    return before + (await commitLines(queue, callbackId, { lines: lines.slice(middle), length, reject }));
  }
}

function newCall({ clock, random }: IngestDeps, callback: Callback, { id, response }: Submission): NewCall {
  const { kind } = response.responseMessage;
  if (!callback.events[kind]) {
    throw new WhcbError("invalid", `callbacks.${kind} is disabled: callback ${callback.name} takes no response of this kind`);
  }
  return { id: id === null ? timeOrderedId(clock.now(), random) : idKey(id), response };
}

/** Counts the values that have no field: a response may have a thousand of them, and few characters. */
function countOwnValues({ customParameters, given }: MessageResponse): number {
  return Object.keys(customParameters).length + (given === undefined ? 0 : givenValues(given).length);
}

function parseLine({ text, problem = "" }: Line): unknown {
  if (text === null) throw new WhcbError("invalid", problem);
  return readJson(text, "line");
}
