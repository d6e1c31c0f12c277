import { secretMask } from "../domain/mask.js";
import { createPacer } from "../platform/pacer.js";
import { idInUrl } from "../wire/bulk-ids.js";
import { readDate } from "../wire/dates.js";
import type { DeliverySettings } from "../wire/delivery-settings.js";
import { objectOf, textOf } from "../wire/json/json-value.js";
import { type ListedOutage, readOutageList } from "../wire/json/outage-json.js";
import { type CallReading, callRequests } from "./call-requests.js";
import { callbackRequests } from "./callback-requests.js";
import { isUnknownRoute } from "./capabilities.js";
import { groupRequests } from "./group-requests.js";
import { readWholeList } from "./list-walker.js";
import { createRequester } from "./requester.js";
import { runRequests } from "./run-requests.js";
import { createServiceApi, credentialSecrets, type ServiceApi, type ServiceCredentials } from "./service-api.js";
import { singleCalls } from "./single-calls.js";
import { isSuccess, type Transport } from "./transport.js";
import type { BeginWait } from "./wait.js";

export type { ListedAttempt, ListedCall } from "../wire/json/call-json.js";
export type { ListedCallback } from "../wire/json/callback-json.js";
export type { ListedOutage };

/** A `Client` is of the platform, of `whcb serve`, or of a database file in this process. */
export type Client = ReturnType<typeof createClient>;

export interface ClientOptions extends CallReading {
  /** `credentials` is null for a database in this process, whose file permissions protect the data. */
  readonly credentials: ServiceCredentials | null;
  /** So many requests are sent in any second. It is null without a limit. */
  readonly rate: number | null;
  /** `onExchange` gets a line without secrets. */
  readonly onExchange?: ((line: string) => void) | undefined;
  /** See RequesterDeps. */
  readonly retriesRefused?: (reason: string) => boolean;
  readonly beginWait?: BeginWait;
  readonly readPatienceMs?: () => number | null;
}

/** Closing the client closes the transport. */
export function createClient(transport: Transport, options: ClientOptions) {
  const { clock, random, credentials, timezone, onExchange, retriesRefused, beginWait, readPatienceMs } = options;
  const sent = [...credentialSecrets(credentials)];
  const mask = secretMask(sent);
  const pacer = createPacer(options.rate, clock);
  const reported = { onExchange, retriesRefused, beginWait, readPatienceMs };
  const requester = createRequester({ transport, mask, pacer, clock, random, ...reported });
  const api = createServiceApi({ requester, name: transport.name, basePath: transport.basePath, credentials, mask, clock });
  const callbacks = callbackRequests(api, (secrets) => sent.push(...secrets));
  const calls = callRequests(api, options);
  return {
    name: transport.name,
    capabilities: api.capabilities,
    toServiceClock: api.toServiceClock,
    databaseId: api.databaseId,
    serviceNow: requester.serviceNow,
    ...callbacks,
    ...calls,
    ...runRequests(api),
    ...groupRequests(api, calls.listCalls),
    ...singleCalls(api, calls.listCalls, timezone),
    /** Returns null if the service has none. */
    listOutages: (callbackId?: string): Promise<readonly ListedOutage[] | null> => listOutages(api, callbackId),
    createSignInCode: (): Promise<SignInCode | null> => createSignInCode(api),
    followRun: requester.followRun,
    /** Returns what the service sends with, if it says so with its callbacks. */
    async deliverySettings(): Promise<Partial<DeliverySettings>> {
      if (api.deliverySettings() === null) await callbacks.verify();
      return api.deliverySettings() ?? {};
    },
    close: (): Promise<void> => transport.close(),
  };
}

interface SignInCode {
  readonly code: string;
  readonly expiresAt: number;
}

/** The code signs the user of this client in to the console. Returns null if the service has none. */
async function createSignInCode(api: ServiceApi): Promise<SignInCode | null> {
  const answer = await api.exchange({ method: "POST", path: "/console/code", noun: "callback" });
  if (isUnknownRoute(answer)) return null;
  if (!isSuccess(answer)) throw api.errorOf(answer);
  const { code, expiresAt } = objectOf(api.documentOf(answer));
  return { code: textOf(code) ?? "", expiresAt: readDate(expiresAt) ?? 0 };
}

async function listOutages(api: ServiceApi, callbackId: string | undefined): Promise<readonly ListedOutage[] | null> {
  if (api.capabilities.lacks("outages")) return null;
  const path = callbackId === undefined ? "/outages" : `/outages?callbackId=${idInUrl(callbackId)}`;
  const first = await api.exchange({ method: "GET", path: api.withPageLimit(path), noun: "callback" });
  if (api.capabilities.isMissing("outages", first)) return null;
  if (!isSuccess(first)) throw api.errorOf(first);
  let document: unknown = api.documentOf(first);
  return readWholeList(
    api.basePath + path,
    async (from) => {
      const page = readOutageList(document ?? (await api.getDocument(api.withPageLimit(from), "callback")));
      document = undefined;
      return { items: page.outages, total: page.total, next: page.next };
    },
    ({ id }: ListedOutage) => id,
  );
}
