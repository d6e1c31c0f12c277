import type { Client, ListedCallback } from "../../../client/client.js";
import { checkCallbackUrl } from "../../../delivery/address-rule.js";
import { readEgressProxy } from "../../../delivery/egress-proxy.js";
import { isAccepted, resultMessage } from "../../../domain/attempt.js";
import { type CallbackSettings, isOtherOrigin, isRepaired } from "../../../domain/callback.js";
import { callbackOperand, commandLine } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { advise, isWhcbError, WhcbError } from "../../../domain/errors.js";
import { shownUrl } from "../../../domain/mask.js";
import { newSecret } from "../../../platform/random.js";
import { buildEndpointCheck } from "../../../wire/delivery-request.js";
import {
  type CallbackChanges,
  changeCallbackJson,
  missingMembers,
  type RequiredMember,
  readCallback,
} from "../../../wire/json/callback-json.js";
import { withWholeId } from "../../args/call-operands.js";
import type { Invocation } from "../../args/command-spec.js";
import type { FlagValues } from "../../args/flag.js";
import { openListing } from "../../output/listing.js";
import { askSecret, confirm } from "../../output/questions.js";
import { withAdvice } from "../../output/render-error.js";
import { joinText, text } from "../../output/screen-text.js";
import { callbackRule, namingProfile, profileOf } from "../../settings/open-run-deps.js";
import { deliverySettings, findCallback, type Session, withSession } from "../../settings/session.js";
import { describeService, showService } from "../../settings/take-locks.js";
import { callbackListing, type ShownSecrets, showCallback } from "./callback-text.js";
import type { CallbacksFlags } from "./command.js";

export function listCallbacks(invocation: Invocation<CallbacksFlags["list"]>): Promise<void> {
  const { values, screen } = invocation;
  return withSession(invocation, async ({ client }) => {
    const listing = openListing(callbackListing(shownSecrets(values.showKey)), screen, values.columns);
    await listing.add(await client.listCallbacks());
    if ((await listing.end()) === 0) screen.info("no callbacks yet; `whcb callbacks create` creates one");
  });
}

export function getCallback(invocation: Invocation<CallbacksFlags["get"]>): Promise<void> {
  const { args, values, screen } = invocation;
  return withSession(invocation, async (session) => {
    await showCallback(await findCallback(session, args.operand(0)), screen, shownSecrets(values.showKey));
  });
}

function shownSecrets(showKey: boolean): ShownSecrets {
  return showKey ? "all" : "none";
}

export function createCallback(invocation: Invocation<CallbacksFlags["create"]>): Promise<void> {
  const { values, screen } = invocation;
  const { serviceFlags } = screen.renderOptions;
  const required = readRequired(values, serviceFlags);
  return withSession(invocation, async ({ client }) => {
    const { key, isNew } = await chooseCallbackKey(invocation);
    await requireSigning(client, values.signing);
    const settings = newSettings(values, required, key);
    const callback = await client.createCallback(settings).catch(async (error: unknown) => {
      throw isWhcbError(error) ? await explainRejection(client, error, required, serviceFlags) : error;
    });
    await showCallback({ ...callback, auth: { ...callback.auth, key } }, screen, isNew ? "new-key" : "none");
    if (isNew && screen.format !== "json")
      screen.info("the key was generated: give it to the endpoint; it isn't shown again without --show-key");
    if (values.signing === "on") mentionSecret(screen, callback.signingSecret, client);
  });
}

function newSettings(values: FlagValues<CallbacksFlags["create"]>, required: Required, key: string): CallbackSettings {
  const { authType, contentType, removeHtml, retriesEnabled, reply, undeliverable, signing } = readSettingFlags(values);
  return {
    ...required,
    auth: { type: authType ?? "httpheader", key },
    contentType: contentType ?? "json",
    removeHtml: removeHtml ?? false,
    retriesEnabled: retriesEnabled ?? false,
    events: { reply: reply ?? true, undeliverable: undeliverable ?? true },
    signing: signing ?? "disabled",
  };
}

type SettingValues = FlagValues<Omit<CallbacksFlags["update"], "newKey">>;

const SIGNING = { on: "enabled", off: "disabled", new: "new" } as const;

function readSettingFlags(values: SettingValues): CallbackChanges {
  const isOn = (text: "on" | "off" | undefined): boolean | undefined => (text === undefined ? undefined : text === "on");
  return {
    name: values.name,
    url: values.url,
    email: values.email,
    contentType: values.contentType,
    authType: values.auth,
    retriesEnabled: isOn(values.retries),
    removeHtml: isOn(values.removeHtml),
    reply: isOn(values.replies),
    undeliverable: isOn(values.undeliverable),
    signing: values.signing && SIGNING[values.signing],
  };
}

type Required = Pick<CallbackSettings, "name" | "url" | "email">;

function readRequired({ name, url, email }: FlagValues<CallbacksFlags["create"]>, serviceFlags: readonly string[]): Required {
  if (name !== undefined && url !== undefined && email !== undefined) return { name, url, email };
  const missing = Object.entries({ "--name": name, "--url": url, "--email": email }).filter(([, given]) => given === undefined);
  const flags = ["--name", "demo", "--url", "http://127.0.0.1:9000/hook", "--email", "ops@example.com", ...serviceFlags];
  const command = commandLine({ command: "callbacks create", flags });
  const message = `a callback needs ${missing.map(([flag]) => flag).join(", ")}`;
  throw new WhcbError("usage", message, advise`for example, ${{ command, when: "for example" }}`);
}

/** Over HTTP a taken name and a failed endpoint check are the same 400; the list tells which. */
async function explainRejection(
  client: Client,
  error: WhcbError,
  { name, url }: Required,
  flags: readonly string[],
): Promise<WhcbError> {
  if (error.code !== "malformed" && error.code !== "duplicate-name" && error.code !== "endpoint-check-failed") return error;
  const others = await client.listCallbacks().catch(() => []);
  const taken = others.find((other) => other.name === name);
  if (taken !== undefined) {
    const command = commandLine({ command: "callbacks update", operands: [callbackOperand(taken)], flags });
    return withAdvice(error, advise`${{ command, when: "to change that one" }} changes that one`);
  }
  const port = /^http:\/\/(?:127\.0\.0\.1|localhost):(\d+)/.exec(url)?.[1];
  if (port === undefined) return withAdvice(error, { hint: "the URL must answer a GET with 200; fix that, then try again" });
  const listen = { command: `whcb listen --port ${port} --status 503`, when: "to stand in for the endpoint" };
  return withAdvice(error, advise`start the endpoint first; ${listen} can stand in for it; what comes stays FAILED`);
}

export interface CallbackKey {
  readonly key: string;
  readonly isNew: boolean;
}

/** Takes it from WHCB_CALLBACK_KEY or a prompt, else generates one: other users can read flags. */
export async function chooseCallbackKey({ deps, screen }: Invocation): Promise<CallbackKey> {
  const given = deps.io.env.WHCB_CALLBACK_KEY;
  if (given !== undefined && given !== "") {
    // It may be left from another callback.
    screen.info("the auth key is that of WHCB_CALLBACK_KEY");
    return { key: given, isNew: false };
  }
  if (screen.canAsk) {
    const typed = await askSecret(deps.io, "Auth key of the callback (empty: generate one):");
    if (typed.trim() !== "") return { key: typed.trim(), isNew: false };
  }
  return { key: newSecret(deps.random), isNew: true };
}

export function deleteCallback(invocation: Invocation<CallbacksFlags["delete"]>): Promise<void> {
  const { args, screen } = invocation;
  return withSession(invocation, async (session) => {
    const { client } = session;
    const callback = await findCallback(session, args.operand(0));
    const counted = await countUndelivered(client, callback);
    const lost = `${counted ?? "all failed and waiting calls"} of ${callback.name} go with it, and are never sent then.`;
    const question = `Delete callback ${callback.name} (${shownUrl(callback)})?`;
    const service = await describeService(invocation, client, profileOf(session));
    if (invocation.values.yes && service.length > 0) screen.info(joinText(service, "\n"));
    const repeated = { ...invocation, argv: withWholeId(invocation.argv, args.operand(0), callback.id) };
    if (!(await confirm(namingProfile(repeated, profileOf(session)), joinText([...service, lost, question], "\n")))) return;
    await client.deleteCallback(callback.id);
    screen.info(`callback ${callback.name} deleted${counted === null ? "" : `, with ${counted}`}`);
  });
}

/** Returns "3 failed and 2 waiting calls", or null if only a list of all calls would tell. */
async function countUndelivered(client: Client, { id, waitingCalls }: ListedCallback): Promise<string | null> {
  if (!client.capabilities.has("exact-lists")) return null;
  let failed: number | null = 0;
  for await (const { total } of client.listCalls(id, { filter: { status: "FAILED" }, limit: 1 })) failed = total;
  return failed === null ? null : `${failed} failed and ${count(waitingCalls ?? 0, "waiting call")}`;
}

/** Sends back all that was read, with the changes (docs/contract.md, Callbacks). */
export function updateCallback(invocation: Invocation<CallbacksFlags["update"]>): Promise<void> {
  const { args, values, screen } = invocation;
  const changes = readSettingFlags(values);
  const isChange = Object.values(changes).some((value) => value !== undefined) || values.newKey;
  if (!isChange) {
    const help = { command: `${invocation.path} --help`, when: "to list the settings" };
    throw new WhcbError("usage", "no setting to change was given", advise`${help} lists the settings`);
  }
  return withSession(invocation, async (session) => {
    const { client } = session;
    let before = await findCallback(session, args.operand(0));
    await requireSigning(client, values.signing);
    requireMembers(before, changes);
    const chosen = values.newKey ? await chooseCallbackKey(invocation) : null;
    // The callback may have changed while the question was open.
    if (chosen !== null) before = await findCallback(session, before.id);
    if (chosen !== null && chosen.key === before.auth.key)
      throw new WhcbError("usage", `the key of ${before.name} is this one already`, {
        hint: "is WHCB_CALLBACK_KEY left from it?",
      });
    await showService(invocation, session);
    const body = changeCallbackJson(before.raw, chosen === null ? changes : { ...changes, key: chosen.key });
    if (changes.url !== undefined && chosen === null) warnOfKey(screen, before, changes.url);
    const signingSecret = await client.updateCallback(before.id, body, before.raw);
    const isNewSecret = changes.signing === "new" || (changes.signing === "enabled" && !before.isSigned);
    if (isNewSecret && signingSecret === null) throw unsigned(client);
    const after = { ...readCallback({ ...body, id: before.id }), isSigned: isSignedAfter(changes, before), signingSecret };
    await showCallback(after, screen, chosen?.isNew ? "new-key" : "none");
    if (changes.url !== undefined) await checkEndpoint(invocation, after, session);
    const areDue =
      before.retriesEnabled === false ||
      isRepaired({ ...before, signing: before.isSigned }, { ...after, signing: after.isSigned });
    if (after.retriesEnabled === true && areDue) screen.info(describeRetriesOn(client));
    if (isNewSecret) mentionSecret(screen, signingSecret, client);
    else if (values.signing === "on") {
      const flags = ["--signing", "new", ...session.serviceFlags];
      const command = commandLine({ command: "callbacks update", operands: [callbackOperand(before)], flags });
      screen.info(text`deliveries were signed already, and the secret stays; \`${command}\` replaces it`);
    }
  });
}

/** An endpoint elsewhere may belong to someone else, who then has the key. */
function warnOfKey(screen: Invocation["screen"], { name, url: before, auth }: ListedCallback, url: string): void {
  if (auth.key === "" || !isOtherOrigin(url, before)) return;
  screen.info(text`warning: the key of ${name} is sent to ${new URL(url).origin} from now on; --new-key replaces it`);
}

const FLAG_OF_MEMBER = {
  name: "--name",
  url: "--url",
  email: "--email",
  contentType: "--content-type",
  "auth.type": "--auth",
} as const satisfies Record<RequiredMember, string>;

/** Throws `usage` if a PUT needs a member neither read nor given. */
function requireMembers(callback: ListedCallback, changes: CallbackChanges): void {
  const missing = missingMembers(changeCallbackJson(callback.raw, changes));
  if (missing.length === 0) return;
  const them = missing.length === 1 ? "it" : "them";
  const message = `the service didn't return ${missing.join(", ")} of ${callback.name}, and an update needs ${them}`;
  const flags = missing.map((member) => FLAG_OF_MEMBER[member]);
  throw new WhcbError("usage", message, { hint: `give ${flags.join(", ")} as well` });
}

/** A service checks a URL only on creation, so the same GET is sent here. A failure is a warning. */
async function checkEndpoint({ deps, screen }: Invocation, callback: ListedCallback, session: Session): Promise<void> {
  const key = callback.auth.key ?? deps.io.env.WHCB_CALLBACK_KEY ?? "";
  const { type } = callback.auth;
  if (type === null || (key === "" && callback.auth.key !== "")) {
    const hint = type === null ? "" : "; set WHCB_CALLBACK_KEY to check it";
    screen.info(`warning: the new URL wasn't checked, because the service doesn't return the callback's auth${hint}`);
    return;
  }
  const target = { url: callback.url, auth: { type, key }, contentType: callback.contentType ?? "json", removeHtml: false };
  const egressProxy = readEgressProxy(undefined, deps.io.env);
  const addressRule = await callbackRule(session, [], deps);
  const deliverer = await deps.openDeliverer({ maxConnections: 1, addressRule, egressProxy });
  try {
    checkCallbackUrl(callback.url, addressRule);
    const { authParameter } = await deliverySettings(session);
    const { result } = await deliverer.deliver(buildEndpointCheck(target, { withAuth: key !== "", authParameter }));
    if (isAccepted(result)) return;
    const outcome =
      result.kind === "answered"
        ? `was answered with ${result.statusCode} ${result.statusMessage}; only 200 counts as delivered`
        : `failed: ${resultMessage(result)}`;
    screen.info(`warning: GET ${shownUrl(callback)} ${outcome}`);
  } catch (error) {
    if (!isWhcbError(error, "unavailable") && !isWhcbError(error, "address-refused")) throw error;
    screen.info(`warning: the new URL wasn't checked: ${error.message}`);
  } finally {
    await deliverer.close();
  }
}

function isSignedAfter({ signing }: CallbackChanges, { isSigned }: ListedCallback): boolean {
  return signing === undefined ? isSigned : signing !== "disabled";
}

/** Throws `usage` if the service can't sign: it would ignore the setting. */
async function requireSigning(client: Client, signing: string | undefined): Promise<void> {
  if (signing === undefined) return;
  if (!client.capabilities.has("signed-deliveries")) await client.verify();
  if (!client.capabilities.has("signed-deliveries")) throw unsigned(client);
}

function unsigned({ name }: Client): WhcbError {
  return new WhcbError("usage", `${name} doesn't sign deliveries`, { hint: "only `whcb serve` does, of this version or later" });
}

/** Throws `usage` if the service, one of an earlier version, has made no secret. */
function mentionSecret(screen: Invocation["screen"], secret: string | null, client: Client): void {
  if (secret === null) throw unsigned(client);
  if (screen.format !== "json") screen.info("the secret was generated: give it to the endpoint; it isn't shown again");
}

function describeRetriesOn({ capabilities }: Client): string {
  if (!capabilities.has("retries-of-earlier-failures")) return "retries are on";
  return "retries are on: failed calls that are still inside their window are due now";
}
