import { secretMask } from "../domain/mask.js";
import { createPacer } from "../platform/pacer.js";
import type { DeliverySettings } from "../wire/delivery-settings.js";
import type { ListedAuditEntry } from "../wire/json/audit-json.js";
import type { ListedOutage } from "../wire/json/outage-json.js";
import { type CallReading, callRequests } from "./call-requests.js";
import { callbackRequests } from "./callback-requests.js";
import { groupRequests } from "./group-requests.js";
import type { AuditPages, AuditQuery, SignInCode } from "./own-requests.js";
import { createRequester, type RequesterOptions } from "./requester.js";
import { runRequests } from "./run-requests.js";
import { createServiceApi, credentialSecrets, type OwnDatabase, type ServiceCredentials } from "./service-api.js";
import { type CallState, singleCalls } from "./single-calls.js";
import type { Transport } from "./transport.js";

export type { ListedAttempt, ListedCall } from "../wire/json/call-json.js";
export type { ListedCallback } from "../wire/json/callback-json.js";
export type { CallState, ListedAuditEntry, ListedOutage };

/** A `Client` is of the platform, of `whcb serve`, or of a database file in this process. */
export type Client = ReturnType<typeof createClient>;

export interface ClientOptions extends CallReading, RequesterOptions {
  /** `credentials` is null for a database in this process, whose file permissions protect the data. */
  readonly credentials: ServiceCredentials | null;
  /** So many requests are sent in any second. It is null without a limit. */
  readonly rate: number | null;
  /** It is known if the profile has it. */
  readonly ownDatabase?: OwnDatabase | undefined;
}

/** Closing the client closes the transport. */
export function createClient(transport: Transport, options: ClientOptions) {
  const { clock, credentials, timezone, ownDatabase } = options;
  const sent = [...credentialSecrets(credentials)];
  const mask = secretMask(sent);
  const pacer = createPacer(options.rate, clock);
  const requester = createRequester({ ...options, transport, mask, pacer });
  const api = createServiceApi({ requester, transport, credentials, mask, clock, ownDatabase });
  const callbacks = callbackRequests(api, (secrets) => sent.push(...secrets));
  const calls = callRequests(api, options);
  return {
    name: transport.name,
    capabilities: api.capabilities,
    toServiceClock: api.toServiceClock,
    databaseId: api.databaseId,
    requireOwnDatabase: api.requireOwnDatabase,
    serviceNow: requester.serviceNow,
    latestServiceNow: requester.latestServiceNow,
    ...callbacks,
    ...calls,
    ...runRequests(api),
    ...groupRequests(api, calls.listCalls),
    ...singleCalls(api, calls.listCalls, timezone),
    /** Returns null if the service has none. */
    async listOutages(callbackId?: string): Promise<readonly ListedOutage[] | null> {
      return (await import("./own-requests.js")).listOutages(api, callbackId);
    },
    /** Returns pages of entries, the newest first, or null if the service has no audit. */
    async listAudit(query: AuditQuery): Promise<AuditPages | null> {
      return (await import("./own-requests.js")).listAudit(api, query);
    },
    async createSignInCode(): Promise<SignInCode | null> {
      return (await import("./own-requests.js")).createSignInCode(api);
    },
    followRun: requester.followRun,
    /** Returns what the service sends with, if it says so with its callbacks. */
    async deliverySettings(): Promise<Partial<DeliverySettings>> {
      if (api.deliverySettings() === null) await callbacks.verify();
      return api.deliverySettings() ?? {};
    },
    close: (): Promise<void> => transport.close(),
  };
}
