import type { ListedAuditEntry } from "../../../client/client.js";
import { describeChange } from "../../../domain/audit/change-text.js";
import { count } from "../../../domain/count.js";
import { isWhcbError, WhcbError } from "../../../domain/errors.js";
import { dateOrNull } from "../../../wire/dates.js";
import type { Invocation } from "../../args/command-spec.js";
import type { AUDIT_FIELDS, Json } from "../../output/json-fields.js";
import { type ListingStyle, listLimit, openListing } from "../../output/listing.js";
import { findCallback, type Session, withSession } from "../../settings/session.js";
import type { AuditFlags } from "./command.js";

export function run(invocation: Invocation<AuditFlags>): Promise<void> {
  const { values, screen } = invocation;
  return withSession(invocation, async (session) => {
    const { client } = session;
    const listing = openListing(LISTING, screen, values.columns);
    const limit = listLimit(values, screen);
    const { callbackId, problem } = await findAudited(session, values.callback);
    const pages = await client.listAudit({ callbackId, user: values.user, since: values.since });
    if (pages === null) {
      throw new WhcbError("usage", `${client.name} has no audit`, {
        hint: "`whcb runs list` shows what was replayed and marked from here; `whcb serve` has an audit",
      });
    }
    let left = limit;
    let known = 0;
    for await (const { items, total } of pages) {
      if (items.length === 0 && known === 0 && problem !== null) throw problem;
      await listing.add(items.slice(0, left));
      left -= items.length;
      known = total ?? known + items.length;
      if (left <= 0) break;
    }
    const listed = await listing.end();
    if (listed === 0) screen.info("no changes");
    else if (Number.isFinite(limit) && known > listed) screen.info(`${listed} of ${count(known, "change")}; --all shows all`);
  });
}

/** A deleted callback is known by its name or id only. */
async function findAudited(session: Session, named: string | undefined): Promise<FoundCallback> {
  if (named === undefined) return { callbackId: undefined, problem: null };
  try {
    return { callbackId: (await findCallback(session, named)).id, problem: null };
  } catch (error) {
    if (isWhcbError(error, "not-found")) return { callbackId: named, problem: error };
    throw error;
  }
}

interface FoundCallback {
  readonly callbackId: string | undefined;
  /** It is shown if the audit doesn't know the callback either. */
  readonly problem: WhcbError | null;
}

const LISTING: ListingStyle<ListedAuditEntry> = {
  columns: [
    { key: "at", title: "TIME", value: ({ at }) => at, kind: "instant" },
    { key: "user", title: "USER", value: ({ user }) => user, least: 8 },
    { key: "via", title: "VIA", value: ({ via }) => via },
    { key: "address", title: "ADDRESS", value: ({ address }) => address, dropRank: 2 },
    { key: "callback", title: "CALLBACK", value: ({ callback, callbackId }) => callback ?? callbackId, least: 8 },
    { key: "change", title: "CHANGE", value: describeChange, least: 24 },
    { key: "action", title: "ACTION", value: ({ action }) => action, onDemand: true },
    { key: "id", title: "ID", value: ({ id }) => id, onDemand: true },
  ],
  toJson: entryJson,
  toId: ({ id }) => id,
};

function entryJson({
  id,
  at,
  action,
  user,
  via,
  address,
  callbackId,
  callback,
  count,
  details,
}: ListedAuditEntry): Json<typeof AUDIT_FIELDS> {
  return { id, at: dateOrNull(at), action, user, via, address, callbackId, callback, count, details };
}
