/** The page /console/search finds callbacks and calls by what a person has at hand: a name, a number, an e-mail address or an id. */
import type { FastifyInstance } from "fastify";
import type { VNode } from "preact";
import { type Call, isOneId } from "../../../domain/call.js";
import { type Callback, HEALTHS, type Health, isEmailAddress } from "../../../domain/callback.js";
import { WhcbError } from "../../../domain/errors.js";
import { callbackSecrets, secretMask } from "../../../domain/mask.js";
import { SEARCH_START, type SearchPlace, SHORTEST_NUMBER, type WantedCalls } from "../../../store/calls/search-calls.js";
import { scanInTurn } from "../../requests/read-slots.js";
import { LONGEST_SEARCH, type Query, readNumber, readParameter } from "../../routes/query-parameters.js";
import type { RouteContext } from "../../routes/route-context.js";
import { FromAndText, maskOutcome, StatusText, shortCallId } from "../components/call-parts.js";
import { Badge, Count, Empty, Table, Time } from "../components/data.js";
import { healthOf } from "../components/endpoint-badge.js";
import { consolePath } from "../console-path.js";
import { excerpt } from "../pretty-body.js";

export interface FoundCall {
  readonly call: Call;
  readonly callback: Pick<Callback, "id" | "name">;
}

export interface SearchView {
  readonly text: string;
  readonly wanted: WantedCalls;
  readonly callbacks: readonly (Health & Pick<Callback, "id" | "name">)[];
  readonly found: readonly FoundCall[];
  /** `next` is the path that searches on, or null at the end. */
  readonly next: string | null;
  readonly isContinued: boolean;
  /** So many of all ids have been read if `next` reads on with ids, else so many of all calls. */
  readonly read: number;
  readonly total: number;
  readonly isAtIds: boolean;
}

const MOST_CALLBACKS = 10;
const PAGE_SIZE = 50;
/** Reading calls may take so many ms; the next page reads on. */
const SEARCH_MS = 250;
/** A longer response would only be cut. */
const MAX_BYTES = 65_536;
const SHORTEST_ID_PART = 6;
/** Longer ones aren't telephone numbers. */
const LONGEST_NUMBER = 20;

export function addSearch(app: FastifyInstance, { deps }: RouteContext): void {
  const { store } = deps;

  app.get<{ Querystring: Query }>("/console/search", async (request, reply) => {
    const { query } = request;
    const text = (readParameter(query, "q") ?? "").trim();
    if (text.length > LONGEST_SEARCH) throw new WhcbError("invalid", `q must have at most ${LONGEST_SEARCH} characters`);
    const wanted = wantedCalls(text);
    const place = readPlace(query);
    const inTurn = scanInTurn(request, reply);
    const calls = place === null && wanted.idEnd !== undefined ? await inTurn(() => findByIdStart(text)) : [];
    const searched = await store.calls.search({
      wanted,
      from: place ?? SEARCH_START,
      limit: PAGE_SIZE,
      budgetMs: SEARCH_MS,
      maxResponseBytes: MAX_BYTES,
      inTurn,
    });
    const all = [...calls, ...searched.calls.filter(({ seq }) => !calls.some((call) => call.seq === seq))];
    const view: SearchView = {
      text,
      wanted,
      callbacks: text === "" || place !== null ? [] : await findCallbacks(text),
      found: await nameCallbacks(all),
      next: searched.next === null ? null : pathOf(text, searched.next),
      isContinued: place !== null,
      read: searched.read,
      total: searched.total,
      isAtIds: searched.next !== null && "beforeId" in searched.next,
    };
    return reply.showPage({
      title: text === "" ? "Search" : `Search: ${excerpt(text, 60)}`,
      searchText: text,
      breadcrumb: [],
      content: <SearchResults {...view} />,
    });
  });

  const findByIdStart = (text: string) => store.calls.findByIdStart(text, PAGE_SIZE, MAX_BYTES);

  async function findCallbacks(text: string): Promise<SearchView["callbacks"]> {
    const sort = { field: "severity", descending: false } as const;
    const { items } = await store.callbacks.listOverview({ text, sort, health: null, limit: MOST_CALLBACKS, offset: 0 });
    const named = items.map(({ callback: { id, name }, health, since }) => ({ id, name, health, since }));
    const byId = /^[\da-f]{16}$/i.test(text) ? await store.callbacks.find(text.toUpperCase()) : null;
    if (byId === null) return named;
    const { health, since } = healthOf((await store.endpoints.listReports([byId.id]))[0]);
    return [{ id: byId.id, name: byId.name, health, since }, ...named];
  }

  /** The status of a call may repeat a secret of its callback. One that was deleted meanwhile is left out. */
  async function nameCallbacks(calls: readonly Call[]): Promise<readonly FoundCall[]> {
    const ids = new Set(calls.map(({ callbackId }) => callbackId));
    const callbacks = new Map<string, Callback>();
    for (const id of ids) {
      const callback = await store.callbacks.find(id);
      if (callback !== null) callbacks.set(id, callback);
    }
    return calls.flatMap((call) => {
      const callback = callbacks.get(call.callbackId);
      return callback === undefined ? [] : [{ callback, call: maskOutcome(call, secretMask(callbackSecrets(callback))) }];
    });
  }
}

/** Says what the text may be. A sender's ids may look like numbers, so it may be several things. */
export function wantedCalls(text: string): WantedCalls {
  const digits = text.replace(/\D/g, "").replace(/^0+/, "");
  const isNumber =
    /^[\d\s+()./\u2010-\u2015-]+$/.test(text) && digits.length >= SHORTEST_NUMBER && digits.length <= LONGEST_NUMBER;
  const isEmail = isEmailAddress(text);
  const isId = isOneId(text) && text.length >= SHORTEST_ID_PART && /\d/.test(text) && !isEmail;
  return {
    ...(isId && { idEnd: text, messageId: text }),
    ...(isNumber && { number: digits }),
    ...(isEmail && { email: text }),
  };
}

function readPlace(query: Query): SearchPlace | null {
  const beforeId = readParameter(query, "beforeId");
  const before = readParameter(query, "before");
  if (beforeId === undefined && before === undefined) return null;
  const read = readNumber(query, "read") ?? 0;
  if (beforeId !== undefined) return { beforeId: beforeId.slice(0, LONGEST_SEARCH) || null, read };
  return { beforeSeq: readNumber(query, "before") ?? 0, read };
}

function pathOf(text: string, place: SearchPlace): string {
  const at = "beforeId" in place ? { beforeId: place.beforeId ?? "" } : { before: String(Math.min(place.beforeSeq, LAST_SEQ)) };
  return `/console/search?${new URLSearchParams({ q: text, ...at, read: String(place.read) })}`;
}

const LAST_SEQ = 999_999_999_999_999;

export function SearchResults(view: SearchView): VNode {
  const { text, callbacks, found, next } = view;
  if (text === "") return <Hints title="What are you looking for?" />;
  const isNothing = callbacks.length === 0 && found.length === 0;
  return (
    <div class="search-results">
      {callbacks.length > 0 && (
        <section aria-label="Callbacks">
          <h2>Callbacks</h2>
          <ul class="found-callbacks">
            {callbacks.map(({ id, name, health }) => (
              <li key={id}>
                <a href={consolePath(id)}>{name}</a> <Badge tone={HEALTHS[health].tone}>{HEALTHS[health].text}</Badge>
              </li>
            ))}
          </ul>
        </section>
      )}
      <div id="found-calls">{found.length > 0 && <FoundCalls found={found} />}</div>
      <SearchProgress {...view} />
      {isNothing && next === null && <Hints title={view.isContinued ? "Nothing more was found" : "Nothing was found"} />}
    </div>
  );
}

function SearchProgress({ wanted, next, read, total, isAtIds }: SearchView): VNode | null {
  if (Object.keys(wanted).length === 0) return null;
  if (next === null) {
    return (
      <p id="search-progress" class="muted">
        All <Count value={read} /> calls have been read.
      </p>
    );
  }
  // A call that arrives meanwhile isn't met.
  const all = Math.max(total, read);
  return (
    <div id="search-progress" class="search-progress" data-next={next}>
      <label>
        Read {isAtIds && "the ids of "}
        <Count value={read} /> of <Count value={all} /> calls{!isAtIds && ", newest first"}…
        <progress value={read} max={all} />
      </label>
      <a class="button button-secondary" href={next}>
        Search on
      </a>
    </div>
  );
}

function Hints({ title }: { title: string }): VNode {
  return (
    <div id="search-hints">
      <Empty title={title}>
        <p>Search for</p>
        <ul>
          <li>the name or host of a callback, or its id</li>
          <li>
            the number of a sender in any spelling, at least its last <Count value={SHORTEST_NUMBER} /> digits
          </li>
          <li>a whole e-mail address</li>
          <li>
            the id of a call, or its beginning or end from <Count value={SHORTEST_ID_PART} /> characters on
          </li>
          <li>the whole id of a message</li>
        </ul>
      </Empty>
    </div>
  );
}

function FoundCalls({ found }: { found: readonly FoundCall[] }): VNode {
  return (
    <section class="call-table is-short found-calls">
      <h2>Calls</h2>
      <Table
        caption="Calls"
        keyOf={({ call }) => call.id}
        rows={found}
        columns={[
          {
            title: "Call",
            cell: ({ call: { id, callbackId } }) => (
              <a class="monospaced" href={consolePath(callbackId, "calls", id)} title={id}>
                {shortCallId(id)}
              </a>
            ),
          },
          { title: "Callback", cell: ({ callback: { id, name } }) => <a href={consolePath(id)}>{name}</a> },
          {
            title: "Attempt or arrival",
            kind: "time",
            cell: ({ call: { attemptedAt, acceptedAt } }) => <Time at={attemptedAt ?? acceptedAt} />,
          },
          { title: "Status", kind: "status", cell: ({ call }) => <StatusText call={call} /> },
          {
            title: "From and text",
            kind: "wide",
            cell: ({ call: { response } }) => <FromAndText response={response} />,
          },
        ]}
      />
    </section>
  );
}
