import type { ListedOutage } from "../../../client/client.js";
import { WhcbError } from "../../../domain/errors.js";
import { dateOrNull, toIsoDate } from "../../../wire/dates.js";
import type { Invocation } from "../../args/command-spec.js";
import type { Json, OUTAGE_FIELDS } from "../../output/json-fields.js";
import { type ListingStyle, openListing } from "../../output/listing.js";
import { findNamedCallback, withSession } from "../../settings/session.js";
import type { OutagesFlags } from "./command.js";

interface NamedOutage extends ListedOutage {
  /** `callback` is its name, or its id if it was deleted. */
  readonly callback: string;
}

export function run(invocation: Invocation<OutagesFlags>): Promise<void> {
  const { values, screen } = invocation;
  return withSession(invocation, async (session) => {
    const { client } = session;
    const listing = openListing(LISTING, screen, values.columns);
    const named = await findNamedCallback(invocation, session);
    const outages = await client.listOutages(named?.id);
    if (outages === null) {
      throw new WhcbError("usage", `${client.name} doesn't list outages`, {
        hint: "`whcb status` shows what is failing; `whcb serve` lists outages",
      });
    }
    const names = new Map((named === null ? await client.listCallbacks() : [named]).map(({ id, name }) => [id, name]));
    await listing.add(outages.map((outage) => ({ ...outage, callback: names.get(outage.callbackId) || outage.callbackId })));
    if ((await listing.end()) === 0) screen.info("no outages");
  });
}

const LISTING: ListingStyle<NamedOutage> = {
  columns: [
    { key: "started", title: "STARTED", value: ({ startedAt }) => startedAt, kind: "instant" },
    { key: "ended", title: "ENDED", value: ({ endedAt }) => endedAt ?? "open", kind: "instant" },
    { key: "callback", title: "CALLBACK", value: ({ callback }) => callback, least: 8 },
    { key: "failed", title: "FAILED CALLS", value: ({ failedCalls }) => failedCalls, kind: "number" },
    { key: "notified", title: "E-MAIL", value: ({ notifiedAt }) => notifiedAt, kind: "instant", dropRank: 2 },
    { key: "id", title: "OUTAGE", value: ({ id }) => id, dropRank: 3 },
  ],
  toJson: outageJson,
  toId: ({ id }) => id,
};

function outageJson(outage: NamedOutage): Json<typeof OUTAGE_FIELDS> {
  return {
    id: outage.id,
    callbackId: outage.callbackId,
    callback: outage.callback,
    startedAt: toIsoDate(outage.startedAt),
    endedAt: dateOrNull(outage.endedAt),
    recoveringSince: dateOrNull(outage.recoveringSince),
    failedCalls: outage.failedCalls,
    notifiedAt: dateOrNull(outage.notifiedAt),
    notifiedBy: outage.notifiedBy,
  };
}
