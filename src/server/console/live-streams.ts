/**
 * Server-sent events tell open pages that what they show has changed. An event is JSON: the version of each topic. The first
 * event of a stream names all its topics, so a client that reconnects misses nothing.
 */
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import type { Clock, Timers } from "../../platform/clock.js";
import type { Store } from "../../store/open-store.js";

/** The topic of the list of callbacks changes with anything at all. */
export const EVERYTHING = "*";

const POLL_MS = 1000;
/** A browser needs one stream (live.js), or one per visible tab without shared workers. */
const MAX_PER_SESSION = 6;
const MAX_TOTAL = 256;
const MAX_TOPICS = 50;
const RETRY_AFTER_SECONDS = "30";
/** A reader that leaves more unread is disconnected. */
const MAX_UNREAD_BYTES = 65_536;

export const EVENT_STREAM = "text/event-stream; charset=utf-8";

export interface StreamRequest {
  readonly topics: readonly string[];
  /** The session's token, which all its streams have. */
  readonly session: string;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

interface Stream extends StreamRequest {
  readonly response: ServerResponse;
  /** These versions were sent, by topic. */
  readonly sent: Map<string, string>;
}

export interface LiveStreamsDeps {
  readonly callbacks: Store["callbacks"];
  readonly clock: Clock;
  readonly timers: Timers;
  /** The whole service may have so many connections. */
  readonly maxConnections: number;
  /** Tells whether the request's session goes on. */
  isCurrent(request: FastifyRequest): Promise<boolean>;
}

export class LiveStreams {
  readonly #deps: LiveStreamsDeps;
  readonly #streams = new Set<Stream>();
  #isPolling = false;
  /** What was read when versions were last sent. */
  #state = "";
  #isClosed = false;

  constructor(deps: LiveStreamsDeps) {
    this.#deps = deps;
  }

  /** Is called before what belongs to the topics is read, so a change meanwhile is noticed. */
  async versionsOf(topics: readonly string[]): Promise<Map<string, string>> {
    const { callbacks } = this.#deps;
    const ids = topics.filter((topic) => topic !== EVERYTHING);
    const versions = ids.length === 0 ? new Map<string, string>() : await callbacks.readVersions(ids);
    const unanswered = new Set(await this.#readUnanswered(topics));
    // The callback doesn't exist, or no longer.
    const entry = (topic: string) => [topic, (versions.get(topic) ?? "none") + (unanswered.has(topic) ? "!" : "")] as const;
    const found = new Map(ids.map(entry));
    if (!topics.includes(EVERYTHING)) return found;
    // Without a write, more endpoints stop to answer, and none begins to.
    return found.set(EVERYTHING, `${await callbacks.readWriteCounter()}.${unanswered.size}`);
  }

  async #readUnanswered(topics: readonly string[]): Promise<readonly string[]> {
    return this.#deps.callbacks.readUnanswered(topics.includes(EVERYTHING) ? null : topics);
  }

  /** Throws `rate-limited` if the session or the service has too many streams. */
  async start(asked: StreamRequest): Promise<void> {
    const topics = [...new Set(asked.topics)].slice(0, MAX_TOPICS);
    this.#checkRoom(asked);
    const at = this.#deps.clock.now();
    const versions = await this.versionsOf(topics);
    this.#checkRoom(asked);
    const { reply } = asked;
    const response = reply.raw;
    // Otherwise nginx would collect events.
    reply.header("content-type", EVENT_STREAM).header("x-accel-buffering", "no").hijack();
    if (response.destroyed) return;
    const stream: Stream = { ...asked, topics, response, sent: new Map() };
    this.#streams.add(stream);
    response.once("close", () => this.#streams.delete(stream));
    response.writeHead(200, reply.getHeaders() as OutgoingHttpHeaders);
    sendChanges(stream, versions);
    sendHeartbeat(stream, at);
    if (this.#isPolling) return;
    this.#isPolling = true;
    this.#pollLater();
  }

  /** A service that stops doesn't wait for streams. */
  close(): void {
    this.#isClosed = true;
    for (const { response } of this.#streams) response.end();
  }

  #checkRoom({ session, reply }: StreamRequest): void {
    if (this.#isClosed) throw new WhcbError("unavailable", "The service is stopping");
    const ofSession = [...this.#streams].filter((stream) => stream.session === session).length;
    const total = Math.min(MAX_TOTAL, Math.ceil(this.#deps.maxConnections / 4));
    if (ofSession < MAX_PER_SESSION && this.#streams.size < total) return;
    reply.header("retry-after", RETRY_AFTER_SECONDS);
    const whose = ofSession < MAX_PER_SESSION ? "The service" : "The session";
    throw new WhcbError("rate-limited", `${whose} has as many live updates open as it may have`);
  }

  /** Polls until nobody watches. */
  #pollLater(): void {
    this.#deps.timers.after(POLL_MS, async () => {
      this.#isPolling = this.#streams.size > 0;
      if (!this.#isPolling) return;
      // After a fault of the store, pages keep what they show.
      await this.#poll().catch(() => undefined);
      this.#pollLater();
    });
  }

  /** A page may say that it shows the state at the time of a heartbeat, so there is none unless the database answers. */
  async #poll(): Promise<void> {
    await this.#endEndedSessions();
    const at = this.#deps.clock.now();
    const topics = [...new Set([...this.#streams].flatMap((stream) => stream.topics))];
    const state = `${await this.#deps.callbacks.readWriteCounter()} ${(await this.#readUnanswered(topics)).join()}`;
    if (state !== this.#state) {
      const versions = await this.versionsOf(topics);
      for (const stream of this.#streams) sendChanges(stream, versions);
      this.#state = state;
    }
    for (const stream of this.#streams) sendHeartbeat(stream, at);
  }

  async #endEndedSessions(): Promise<void> {
    const isCurrent = new Map<string, boolean>();
    for (const { session, request, response } of [...this.#streams]) {
      const known = isCurrent.get(session) ?? (await this.#deps.isCurrent(request));
      isCurrent.set(session, known);
      if (!known) response.end();
    }
  }
}

/** Sends what has changed since the last event. */
function sendChanges(stream: Stream, versions: ReadonlyMap<string, string>): void {
  const { topics, sent } = stream;
  const changed = topics.flatMap((topic) => {
    const version = versions.get(topic);
    return version === undefined || version === sent.get(topic) ? [] : [[topic, version] as const];
  });
  if (changed.length === 0) return;
  for (const [topic, version] of changed) sent.set(topic, version);
  writeToStream(stream, `data: ${JSON.stringify(Object.fromEntries(changed))}\n\n`);
}

/** All changes until this instant have been sent. */
function sendHeartbeat(stream: Stream, at: number): void {
  writeToStream(stream, `event: heartbeat\ndata: ${at}\n\n`);
}

function writeToStream({ response }: Stream, text: string): void {
  if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
  else if (!response.writableEnded) response.write(text);
}
