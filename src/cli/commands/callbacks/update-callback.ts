import type { Client, ListedCallback } from "../../../client/client.js";
import { isAccepted, resultMessage } from "../../../domain/attempt.js";
import { WhcbError } from "../../../domain/errors.js";
import { maskUrl } from "../../../domain/mask.js";
import { buildEndpointCheck } from "../../../wire/delivery-request.js";
import { type CallbackChanges, changeCallbackJson, missingMembers, readCallback } from "../../../wire/json/callback-json.js";
import type { Invocation } from "../../invocation.js";
import { findCallback, withSession } from "../../settings/session.js";
import { showCallback } from "./callback-text.js";
import { FLAG_OF_MEMBER, NEW_KEY, readSettingFlags } from "./command.js";
import { chooseCallbackKey } from "./run.js";

/** Sends back all that was read, with the changes (docs/contract.md, Callbacks). */
export function run(invocation: Invocation): Promise<number> {
  const { args, screen } = invocation;
  const changes = readSettingFlags(args);
  const isChange = Object.values(changes).some((value) => value !== undefined) || args.get(NEW_KEY);
  if (!isChange) {
    throw new WhcbError("usage", "no setting to change was given", { hint: `${invocation.path} --help lists the settings` });
  }
  return withSession(invocation, async ({ client, settings }) => {
    const before = await findCallback(client, args.operand(0));
    requireMembers(before, changes);
    const chosen = args.get(NEW_KEY) ? await chooseCallbackKey(invocation) : null;
    const body = changeCallbackJson(before.raw, chosen === null ? changes : { ...changes, key: chosen.key });
    await client.updateCallback(before.id, body);
    const after = readCallback({ ...body, id: before.id });
    await showCallback(after, screen, chosen?.isNew === true);
    if (changes.url !== undefined) await checkEndpoint(invocation, after, settings.authParameter.value);
    if (before.retriesEnabled === false && after.retriesEnabled === true) screen.info(await describeRetriesOn(client, before));
    return 0;
  });
}

/** Throws `usage` if a PUT needs a member neither read nor given. */
function requireMembers(callback: ListedCallback, changes: CallbackChanges): void {
  const missing = missingMembers(changeCallbackJson(callback.raw, changes));
  if (missing.length === 0) return;
  throw new WhcbError(
    "usage",
    `the service didn't return ${missing.join(", ")} of ${callback.name}, and an update needs ${missing.length === 1 ? "it" : "them"}`,
    {
      hint: `give ${missing.map((member) => FLAG_OF_MEMBER[member]).join(", ")} as well`,
    },
  );
}

/** A service checks a URL only on creation, so the same GET is sent here. A failure is a warning. */
async function checkEndpoint({ deps, screen }: Invocation, callback: ListedCallback, authParameter: string): Promise<void> {
  const key = callback.auth.key ?? deps.io.env.WHCB_CALLBACK_KEY ?? "";
  const { type } = callback.auth;
  if (type === null || (key === "" && callback.auth.key !== "")) {
    const hint = type === null ? "" : "; set WHCB_CALLBACK_KEY to check it";
    screen.info(`warning: the new URL wasn't checked, because the service doesn't return the callback's auth${hint}`);
    return;
  }
  const target = { url: callback.url, auth: { type, key }, contentType: callback.contentType ?? "json", removeHtml: false };
  const deliverer = await deps.openDeliverer({ maxConnections: 1 });
  try {
    const { result } = await deliverer.deliver(buildEndpointCheck(target, { withAuth: key !== "", authParameter }));
    if (isAccepted(result)) return;
    const outcome =
      result.kind === "answered"
        ? `was answered with ${result.statusCode} ${result.statusMessage}; only 200 counts as delivered`
        : `failed: ${resultMessage(result)}`;
    screen.info(`warning: GET ${maskUrl(callback.url)} ${outcome}`);
  } finally {
    await deliverer.close();
  }
}

/** Only `whcb serve` retries earlier failures at once; it also lists outages. */
async function describeRetriesOn(client: Client, { id }: ListedCallback): Promise<string> {
  const outages = await client.listOutages(id);
  return outages === null ? "retries are on" : "retries are on: failed calls that are still inside their window are due now";
}
