import type { Client } from "../../client/client.js";
import { findIndented, INDENTED, isIdPrefix, isOneId, UNINDENTED_HINT } from "../../domain/call.js";
import type { CallFilter } from "../../domain/call-filter.js";
import { listSome } from "../../domain/count.js";
import { WhcbError } from "../../domain/errors.js";
import type { CallScope } from "../../runs/plan/call-scope.js";
import { countBy, idsLike, looksLikeId, mentionsRefusal, spellingOf } from "../../runs/plan/received-field.js";
import { YES } from "../output/questions.js";
import { formatInstant } from "../output/times.js";
import { findCallback, type Session } from "../settings/session.js";
import type { Invocation } from "./command-spec.js";
import { isNarrowed, type NARROWING_FLAGS, readNarrowing, SINCE, UNTIL } from "./filter-flags.js";
import { flagName } from "./flag.js";
import { readAll, readBytes } from "./flag-values.js";
import { checkLastLine } from "./last-line.js";
import { withoutGlobalFlags } from "./parse-argv.js";
import { DRY_RUN } from "./sending-flags.js";
import { ALL_CALLBACKS, FILE } from "./shared-flags.js";
import { completeCallIds } from "./short-ids.js";
import { FUTURE_MS } from "./typed-instant.js";

const CALL_ID = /^[0-9a-f]{32}$/i;

export interface CallOperands {
  readonly callback: string | null;
  readonly callIds: NamedCalls | null;
}

interface NamedCalls {
  /** An argument may be the beginning of an id. */
  readonly typed: readonly string[];
  /** Stdin and files have whole ids. */
  readonly listed: readonly ListedId[];
}

interface ListedId {
  readonly id: string;
  readonly source: string;
  /** Lines are counted from 1. */
  readonly line: number;
}

/** Takes a first operand of 32 hex digits, or "-" (stdin), for a call. Throws `usage` without a selector, or for ids with a filter. */
export async function readCallOperands(
  invocation: Invocation<typeof NARROWING_FLAGS & { readonly file: typeof FILE }>,
  selectors: { readonly isFiltered: boolean; readonly flag: string },
): Promise<CallOperands> {
  const { args, values, deps } = invocation;
  const [first, ...rest] = args.operands;
  const isCallFirst = first === undefined || first === "-" || CALL_ID.test(first);
  const named = isCallFirst ? args.operands : rest;
  const callback = isCallFirst ? null : first;
  const { file } = values;
  const hasIds = named.length > 0 || file !== undefined;
  const isListed = named.includes("-") || file !== undefined;
  if (args.get(ALL_CALLBACKS) && (callback !== null || (hasIds && !isListed)))
    throw new WhcbError("usage", "a callback or typed call ids and --all-callbacks can't be combined");
  if (hasIds && (selectors.isFiltered || isNarrowed(values))) {
    throw new WhcbError("usage", "call ids and a filter can't be combined");
  }
  if (!hasIds && !selectors.isFiltered) {
    throw new WhcbError("usage", isNarrowed(values) ? `a filter needs ${selectors.flag}` : "no calls were selected", {
      hint: `give call ids, - for stdin, --file, or ${selectors.flag}`,
    });
  }
  if (!hasIds) {
    requirePast(invocation);
    return { callback, callIds: null };
  }
  const typed = named.filter((word) => word !== "-");
  const odd = typed.find((word) => !isOneId(word));
  if (odd !== undefined) throw new WhcbError("usage", `${JSON.stringify(odd)} isn't a call id`);
  const listed = [
    ...(named.includes("-") ? splitIds(await readAll(deps.io.stdin), "stdin", invocation) : []),
    ...(file === undefined ? [] : splitIds((await readBytes(file)).toString("utf8"), file, invocation)),
  ];
  return { callback, callIds: { typed, listed } };
}

/** Throws `usage` for a time that is still to come: it limits nothing, as one whose month is wrong, though calls are changed by it. */
function requirePast({ values, screen }: Invocation<typeof NARROWING_FLAGS>): void {
  const { now, utc } = screen.renderOptions;
  const { since = now, until = now } = values;
  const late = since > now + FUTURE_MS ? { flag: SINCE, at: since } : until > now + FUTURE_MS ? { flag: UNTIL, at: until } : null;
  if (late === null) return;
  throw new WhcbError("usage", `${flagName(late.flag.syntax)} is still to come: ${formatInstant(late.at, utc)}`, {
    hint: "if no limit is meant, leave it out",
  });
}

export async function toCallScope(
  operands: CallOperands,
  session: Session,
  status: CallFilter["status"],
  invocation: Invocation<typeof NARROWING_FLAGS>,
): Promise<CallScope> {
  const { callback: defaultCallback, foreignCallback } = session.settings;
  const meansAll = invocation.args.get(ALL_CALLBACKS);
  const name = operands.callback ?? (meansAll ? null : defaultCallback.value);
  // A user of a default callback doesn't mean all callbacks.
  if (name === null && foreignCallback !== null && !meansAll) {
    const message = `the profile's default callback ${JSON.stringify(foreignCallback)} is of another service or account`;
    throw new WhcbError("usage", message, { hint: "name the callback" });
  }
  const callback = name === null ? null : await findCallback(session, name);
  const callbacks = callback === null ? null : [callback.id];
  if (operands.callIds !== null) {
    const { client } = session;
    const searched = async () => (callback === null ? client.listCallbacks() : [callback]);
    const { typed, listed } = operands.callIds;
    const completed = await completeCallIds(typed, searched, client, invocation.screen.info);
    // The call that was meant may have been removed.
    for (const [index, id] of completed.entries())
      if (id !== typed[index]) invocation.screen.info(`${typed[index]} is call ${id}`);
    return { callbacks, calls: { callIds: [...completed, ...listed.map(({ id }) => id)] } };
  }
  const filter = { ...(status === undefined ? {} : { status }), ...readNarrowing(invocation.values) };
  return { callbacks, calls: { filter } };
}

/**
 * Returns the invocation, whose line to type has whole ids: those of typed calls, and the callback's. It says that it means all callbacks if that
 * isn't sure. Throws `usage` for --yes then: a script's variable that isn't set leaves out the callback, also of the command that lists the ids.
 */
export async function sureOfCallbacks<Given extends Invocation>(
  invocation: Given,
  { callback, callIds: named }: CallOperands,
  { callbacks, calls }: CallScope,
  client: Client,
): Promise<Given> {
  const { args } = invocation;
  // Another call may have the short id by the time that the line is typed.
  const wholeIds = "callIds" in calls ? calls.callIds : [];
  const argv = (named?.typed ?? []).reduce((line, id, index) => withWholeId(line, id, wholeIds[index] ?? id), invocation.argv);
  const [only] = callbacks ?? [];
  if (only !== undefined) {
    const withDefault = (): readonly string[] => argv.toSpliced(argv.length - withoutGlobalFlags(argv).length + 1, 0, only);
    return { ...invocation, argv: callback === null ? withDefault() : withWholeId(argv, callback, only) };
  }
  const isTyped = "callIds" in calls && !args.operands.includes("-") && args.get(FILE) === undefined;
  if (isTyped || args.get(ALL_CALLBACKS) || args.get(DRY_RUN)) return { ...invocation, argv };
  const names = (await client.listCallbacks()).map(({ id, name }) => name || id);
  if (names.length < 2) return { ...invocation, argv };
  if (!args.get(YES)) return { ...invocation, argv: [...argv, flagName(ALL_CALLBACKS.syntax)] };
  const shown = [...names.slice(0, MAX_SHOWN), ...(names.length > MAX_SHOWN ? ["…"] : [])].join(", ");
  throw new WhcbError("usage", `no callback is named, and there are ${names.length}: ${shown}`, {
    hint: "name one, or add --all-callbacks",
  });
}

/**
 * Writes the id for the name or short id that was typed, as a line that asks nothing may be typed where it means another one. A word that is there
 * twice stays, as it may be a flag's value, too.
 */
export function withWholeId(argv: readonly string[], typed: string, id: string): readonly string[] {
  const at = argv.indexOf(typed);
  return at === -1 || at !== argv.lastIndexOf(typed) ? argv : argv.with(at, id);
}

const MAX_SHOWN = 5;

export function missingCalls(callIds: readonly string[], code: "not-found" | "items-failed"): WhcbError {
  const message = `no such ${callIds.length === 1 ? "call" : "calls"}: ${listSome(callIds)}`;
  return new WhcbError(code, message, callIds.some(isIdPrefix) ? { hint: WHOLE_IDS } : {});
}

const WHOLE_IDS = "in a file and on stdin, ids are whole: only an argument may be the beginning of one";

/**
 * Throws `malformed` for a listed line, and `usage` for a typed word, that may be a heading of other calls: `xargs` types a list. One that
 * no call has is taken for an id only if it is spelled like that of a call. Senders choose ids, so a call may have one that says so: it
 * needs another of its spelling beside it.
 */
export function requireNoHeading({ callIds }: CallOperands, missing: readonly string[]): void {
  const named = [...(callIds?.typed ?? []).map((id) => ({ id })), ...(callIds?.listed ?? [])];
  const absent = new Set(missing);
  const ids = new Set(named.map(({ id }) => id));
  const counts = countBy(ids, spellingOf);
  const isAlone = (id: string) => ids.size > 1 && counts.get(spellingOf(id)) === 1 && mentionsRefusal("", id);
  const isLikeACall = idsLike([...ids].filter((id) => !absent.has(id)));
  const mayBeHeading = (id: string) => (absent.has(id) ? !looksLikeId(id) || !isLikeACall(id) : !looksLikeId(id) && isAlone(id));
  const heading = named.find(({ id }) => mayBeHeading(id));
  if (heading === undefined) return;
  const [reason, hint] = absent.has(heading.id)
    ? [
        `no call has the id ${heading.id}, so it may be a heading`,
        isIdPrefix(heading.id) ? `${WHOLE_IDS}; ${HEADING_HINT}` : HEADING_HINT,
      ]
    : [`the id ${heading.id} may be a heading`, "if it isn't, name the call on its own; nothing was done"];
  throw "line" in heading ? unreadableLine(heading, reason, hint) : new WhcbError("usage", reason, { hint });
}

const HEADING_HINT = "give only the ids of the calls that are meant; nothing was done";

function splitIds(text: string, source: string, invocation: Invocation): readonly ListedId[] {
  const written = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const indented = findIndented(written);
  if (indented !== -1) throw unreadableLine({ source, line: indented + 1 }, INDENTED, UNINDENTED_HINT);
  const lines = written.map((line, index) => ({ id: line.trim(), source, line: index + 1 }));
  const ids = lines.filter(({ id }) => id !== "" && !id.startsWith("#"));
  // A program that failed must not look like one that found nothing.
  if (ids.length === 0) throw new WhcbError("usage", `${source} has no call ids`);
  const comment = lines.find(({ id }) => id.startsWith("#"));
  if (comment !== undefined) throw unreadableLine(comment, "its comment may be a heading of other calls", HEADING_HINT);
  const odd = ids.find(({ id }) => !isOneId(id));
  if (odd !== undefined)
    throw new WhcbError("malformed", `${source}: line ${odd.line} isn't a call id`, {
      hint: "one id per line, as `-o ids` of `whcb calls list` and `whcb runs show` writes them (of NDJSON: `jq -r .id`)",
    });
  checkLastLine(text, source, invocation);
  return ids;
}

function unreadableLine({ source, line }: Omit<ListedId, "id">, reason: string, hint: string): WhcbError {
  return new WhcbError("malformed", `${source}: line ${line} can't be read: ${reason}`, { hint });
}
