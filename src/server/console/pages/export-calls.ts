/** The file at /console/callbacks/:id/calls/export has all calls that match a filter. */
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { Call } from "../../../domain/call.js";
import { WhcbError } from "../../../domain/errors.js";
import { callbackSecrets, secretMask } from "../../../domain/mask.js";
import { csvLine, csvPieces, escapedJson } from "../../../platform/unsafe-characters.js";
import { CALL_CELLS, type CallRow, callRecord, cellData } from "../../../wire/call-record.js";
import { retriesOf } from "../../../wire/json/call-json.js";
import { ownerOf } from "../../requests/byte-budget.js";
import { requireClient } from "../../requests/read-slots.js";
import { ReadTurns } from "../../requests/read-turns.js";
import { reserveAnswer } from "../../requests/send-document.js";
import { type Query, readParameter } from "../../routes/query-parameters.js";
import type { CallbackPath } from "../../routes/route-context.js";
import { maskOutcome } from "../components/call-parts.js";
import { requireFilter } from "../filter-fields.js";
import type { ConsoleContext } from "../page.js";
import { tokenOf } from "../sessions.js";

const MAX_PER_SESSION = 2;
const MAX_TOTAL = 16;
const RETRY_AFTER_SECONDS = "30";

/** A page is read as its reader has taken the one before. More calls would hold others up for longer. */
const PAGE_SIZE = 100;
const PAGE_BYTES = 1024 * 1024;
/** So many characters are sent at once. A piece of a long line may exceed it. */
const CHUNK_LENGTH = 256 * 1024;
/** A chunk takes at most so much, with its bytes that wait for the reader. */
const CHUNK_BYTES = 2 * 1024 * 1024;
/** Each byte of a call may take two in memory, and two more in the JSON or the cell that is being written. */
const MEMORY_OF_BYTE = 4;
/** An export that finds no room for its next page tries again after so many ms. */
const ROOM_MS = 500;
/** After reading calls that don't match for so many ms, it looks whether the reader and the session are still there. */
const SEARCH_MS = 250;

export function addCallExport(app: FastifyInstance, { deps, lookup, sessions }: ConsoleContext): void {
  const { store, clock, timers, policy } = deps;
  const running = new Map<ServerResponse, string>();
  // Deliveries and pages have as much time as all exports together.
  const turns = new ReadTurns(deps, { shortMs: 0 });
  // A service that stops cuts the connection: a short file would look whole.
  app.addHook("preClose", async () => {
    for (const response of running.keys()) response.destroy();
  });

  const exporting = { config: { takesNoReadSlot: true } } as const;
  app.get<CallbackPath>("/console/callbacks/:id/calls/export", exporting, async (request, reply) => {
    const { params, query } = request;
    const callback = await lookup.find(params.id);
    const format = FORMATS[readFormat(query)];
    const { filter } = requireFilter(query, clock.now());
    const sendFile = (file?: Readable) => {
      const disposition = `attachment; filename="calls-${callback.id}.${format.extension}"`;
      return reply.type(format.type).header("content-disposition", disposition).send(file);
    };
    if (request.method === "HEAD") return sendFile();
    // Its end wouldn't be seen below.
    requireClient(reply);
    const session = tokenOf(request);
    if (running.size >= MAX_TOTAL || [...running.values()].filter((one) => one === session).length >= MAX_PER_SESSION) {
      reply.header("retry-after", RETRY_AFTER_SECONDS);
      throw new WhcbError("rate-limited", "As many exports are running as may run at once: wait until one has ended");
    }
    reserveAnswer(request, reply, CHUNK_BYTES);
    running.set(reply.raw, session);
    const mask = secretMask(callbackSecrets(callback));
    reply.raw.once("close", () => running.delete(reply.raw));
    const owner = ownerOf(request);
    let lacksRoom = false;
    return sendFile(Readable.from(readChunks(await readNext(null)), { objectMode: false }));

    async function* readChunks(first: ExportPart | null): AsyncGenerator<string> {
      if (format.heading !== "") yield format.heading;
      for (let part = first; part !== null; part = await readWhenRoom(part)) if (part.chunk !== "") yield part.chunk;
    }

    /** No call is held while there is no room. */
    async function readWhenRoom(part: ExportPart): Promise<ExportPart | null> {
      for (;;) {
        lacksRoom = false;
        try {
          return await readNext(part);
        } catch (error) {
          if (!lacksRoom) throw error;
        }
        await new Promise<void>((resolve) => timers.after(ROOM_MS, resolve));
      }
    }

    /** Resolves to null at the end. */
    function readNext(part: ExportPart | null): Promise<ExportPart | null> {
      return turns.run(owner, async () => {
        await requireReader();
        if (part === null) return readPage();
        const chunk = takeChunk(part.pieces);
        if (chunk !== "") return { ...part, chunk };
        return part.nextCursor === null ? null : readPage(part.nextCursor);
      });
    }

    /** The oldest attempt comes first, so a call that is attempted meanwhile is read again, and none is left out. */
    async function readPage(cursor?: string): Promise<ExportPart> {
      const { items, nextCursor } = await store.calls.list(callback.id, {
        filter,
        sort: [{ field: "attemptedDate", descending: false }],
        limit: PAGE_SIZE,
        offset: 0,
        maxPageBytes: PAGE_BYTES,
        budgetMs: SEARCH_MS,
        beforeRead: (bytes) => {
          lacksRoom = true;
          reserveAnswer(request, reply, bytes * MEMORY_OF_BYTE + CHUNK_BYTES);
          lacksRoom = false;
        },
        ...(cursor !== undefined && { cursor }),
      });
      const ids = items.map(({ id }) => id);
      const answers = await store.calls.listAnswers(callback.id, ids);
      const markers = await store.calls.findMarkers(callback.id, items);
      const pieces = writePieces(
        items.map((call) => ({ ...call, answer: answers.get(call.id) ?? null, settledByUser: markers.get(call.id) ?? null })),
      );
      return { chunk: takeChunk(pieces), pieces, nextCursor };
    }

    /** The session may have ended meanwhile. The reader may be gone, too, without having taken anything. */
    async function requireReader(): Promise<void> {
      const isCurrent = !reply.raw.destroyed && (await sessions.findVisitor(request, false)).credential !== null;
      if (!isCurrent) throw new WhcbError("unauthenticated", "The session has ended");
    }

    /** Keeps no call that is written. */
    function* writePieces(left: ExportedCall[]): Generator<string> {
      const now = clock.now();
      for (let call = left.shift(); call !== undefined; call = left.shift()) {
        const listed = {
          ...maskOutcome(call, mask),
          answer: mask(call.answer ?? "") || null,
          ...retriesOf(call, { callback, policy, now }),
        };
        yield* format.pieces({ call: listed, callbackName: callback.name });
      }
    }
  });
}

type ExportedCall = Call & { readonly answer: string | null; readonly settledByUser: string | null };

interface ExportPart {
  readonly chunk: string;
  /** The rest of the page. */
  readonly pieces: Iterator<string>;
  readonly nextCursor: string | null;
}

/** Returns "" at the end. */
function takeChunk(pieces: Iterator<string>): string {
  let chunk = "";
  while (chunk.length < CHUNK_LENGTH) {
    const { done, value } = pieces.next();
    if (done) break;
    chunk += value;
  }
  return chunk;
}

interface ExportFormat {
  readonly extension: string;
  readonly type: string;
  readonly heading: string;
  /** Yields a line. */
  pieces(row: CallRow): Iterable<string>;
}

const FORMATS = {
  csv: {
    extension: "csv",
    type: "text/csv; charset=utf-8",
    heading: csvLine(Object.keys(CALL_CELLS)),
    pieces: (row) => csvPieces(Object.values(CALL_CELLS).map((cell) => cellData(cell, row))),
  },
  ndjson: {
    extension: "ndjson",
    type: "application/x-ndjson; charset=utf-8",
    heading: "",
    pieces: (row) => escapedJson(`${JSON.stringify(callRecord(row))}\n`),
  },
} as const satisfies Record<string, ExportFormat>;

function readFormat(query: Query): keyof typeof FORMATS {
  const format = readParameter(query, "format");
  if (format === "csv" || format === "ndjson") return format;
  throw new WhcbError("invalid", "format must be csv or ndjson");
}
