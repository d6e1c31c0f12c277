/** The file at /console/callbacks/:id/calls/export has all calls that match a filter. */
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { Call } from "../../../domain/call.js";
import { WhcbError } from "../../../domain/errors.js";
import { callbackSecrets, secretMask } from "../../../domain/mask.js";
import { csvLine, escapeJson } from "../../../platform/unsafe-characters.js";
import { CALL_CELLS, type CallCell, type CallRow, callRecord } from "../../../wire/call-record.js";
import { toIsoDate } from "../../../wire/dates.js";
import { retriesOf } from "../../../wire/json/call-json.js";
import { ownerOf } from "../../requests/byte-budget.js";
import { ReadTurns } from "../../requests/read-turns.js";
import { reserveAnswer } from "../../requests/send-document.js";
import { type Query, readParameter } from "../../routes/query-parameters.js";
import type { CallbackPath } from "../../routes/route-context.js";
import { maskOutcome } from "../components/call-parts.js";
import { parseFilter } from "../filter-fields.js";
import type { ConsoleContext } from "../page.js";

const MAX_PER_SESSION = 2;
const MAX_TOTAL = 16;
const RETRY_AFTER_SECONDS = "30";

/** A page is read as its reader has taken the one before. More calls would hold others up for longer. */
const PAGE_SIZE = 100;
const PAGE_BYTES = 1024 * 1024;
/** The text of a page takes about as much again. */
const EXPORT_BYTES = 2 * PAGE_BYTES;
/** After reading calls that don't match for so many ms, it looks whether the reader and the session are still there. */
const SEARCH_MS = 250;

export function addCallExport(app: FastifyInstance, { deps, lookup, sessions }: ConsoleContext): void {
  const { store, clock, policy } = deps;
  const running = new Map<ServerResponse, string>();
  // Deliveries and pages have as much time as all exports together.
  const turns = new ReadTurns(deps, { shortMs: 0 });
  // A service that stops cuts the connection: a short file would look whole.
  app.addHook("preClose", async () => {
    for (const response of running.keys()) response.destroy();
  });

  app.get<CallbackPath & { Querystring: Query }>("/console/callbacks/:id/calls/export", async (request, reply) => {
    const { params, query } = request;
    const callback = await lookup.find(params.id);
    const format = FORMATS[readFormat(query)];
    const { filter, problems } = parseFilter(query, clock.now());
    const [problem] = Object.entries(problems);
    if (problem !== undefined) throw new WhcbError("invalid", `${problem[0]}: ${problem[1]}`);
    reply.type(format.type).header("content-disposition", `attachment; filename="calls-${callback.id}.${format.extension}"`);
    if (request.method === "HEAD") return reply.send();
    const session = request.visitor?.token ?? "";
    if (running.size >= MAX_TOTAL || [...running.values()].filter((one) => one === session).length >= MAX_PER_SESSION) {
      reply.removeHeader("content-disposition").header("retry-after", RETRY_AFTER_SECONDS);
      throw new WhcbError("rate-limited", "As many exports are running as may run at once: wait until one has ended");
    }
    reserveAnswer(request, reply, EXPORT_BYTES);
    running.set(reply.raw, session);
    const mask = secretMask(callbackSecrets(callback));
    reply.raw.once("close", () => running.delete(reply.raw));
    return reply.send(Readable.from(readLines(), { objectMode: false }));

    async function* readLines(): AsyncGenerator<string> {
      if (format.heading !== "") yield format.heading;
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const from = cursor;
        const page = await turns.run(ownerOf(request), () => readPage(from));
        if (page.lines !== "") yield page.lines;
        cursor = page.nextCursor;
      }
    }

    /** The oldest attempt comes first, so a call that is attempted meanwhile is read again, and none is left out. */
    async function readPage(cursor: string | undefined) {
      const { items, nextCursor } = await store.calls.list(callback.id, {
        filter,
        sort: [{ field: "attemptedDate", descending: false }],
        limit: PAGE_SIZE,
        offset: 0,
        maxPageBytes: PAGE_BYTES,
        budgetMs: SEARCH_MS,
        ...(cursor !== undefined && { cursor }),
      });
      // The session may have ended meanwhile. The reader may be gone, too, without having taken anything.
      const isCurrent = !reply.raw.destroyed && (await sessions.findVisitor(request, false)).credential !== null;
      if (!isCurrent) throw new WhcbError("unauthenticated", "The session has ended");
      const ids = items.map(({ id }) => id);
      const answers = await store.calls.listAnswers(callback.id, ids);
      const now = clock.now();
      const line = (call: Call) => {
        const shown: ExportedCall = { ...maskOutcome(call, mask), answer: mask(answers.get(call.id) ?? "") || null };
        const listed = { ...shown, ...retriesOf(call, { callback, policy, now }) };
        return format.line({ call: listed, callbackName: callback.name });
      };
      return { lines: items.map(line).join(""), nextCursor };
    }
  });
}

type ExportedCall = Call & { readonly answer: string | null };

interface ExportFormat {
  readonly extension: string;
  readonly type: string;
  readonly heading: string;
  line(row: CallRow): string;
}

const FORMATS = {
  csv: {
    extension: "csv",
    type: "text/csv; charset=utf-8",
    heading: csvLine(Object.keys(CALL_CELLS)),
    line: (row) => csvLine(Object.values(CALL_CELLS).map((cell) => cellData(cell, row))),
  },
  ndjson: {
    extension: "ndjson",
    type: "application/x-ndjson; charset=utf-8",
    heading: "",
    line: (row) => `${escapeJson(JSON.stringify(callRecord(row)))}\n`,
  },
} as const satisfies Record<string, ExportFormat>;

function readFormat(query: Query): keyof typeof FORMATS {
  const format = readParameter(query, "format");
  if (format === "csv" || format === "ndjson") return format;
  throw new WhcbError("invalid", "format must be csv or ndjson");
}

function cellData({ value, kind }: CallCell, row: CallRow): string | number {
  const data = value(row);
  if (data === null) return "";
  return typeof data === "number" && kind === "instant" ? toIsoDate(data) : data;
}
