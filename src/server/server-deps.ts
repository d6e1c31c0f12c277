/** main/start-service.ts gives the server what it needs of the dispatcher, which it doesn't know. */
import type { Attempt, DeliveryResult } from "../domain/attempt.js";
import type { Callback } from "../domain/callback.js";
import type { TestMail } from "../domain/outage.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import type { PlanName } from "../domain/service-settings.js";
import type { Clock, Timers } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Random } from "../platform/random.js";
import type { Store } from "../store/open-store.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";
import type { BodyNames } from "../wire/delivery-settings.js";

export interface ServerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly policy: RetryPolicy;
  /** A plan limits the rate and the page size; null means no plan. */
  readonly plan: PlanName | null;
  /** Requests that are injected in the same process need no credentials, and are this user@host's. It is null for a service that listens. */
  readonly localUser: string | null;
  /** Without it there are only the routes of operation, and no console. */
  readonly hasApi: boolean;
  /** The X-Forwarded-* of these proxies give host, scheme and client address; null means no proxy. */
  readonly isTrustedProxy: ((address: string) => boolean) | null;
  /** A service on loopback takes these names in Host besides localhost. Elsewhere it is null: any name is right. */
  readonly knownHosts: readonly string[] | null;
  readonly maxConnections: number;
  readonly version: string;
  /** `authParameter` is the parameter of `queryparam` auth. */
  readonly authParameter: string;
  readonly bodyNames: BodyNames;
  /** Sends the registration's GET of an owner (`ownerOf`). It is null if endpoints aren't checked. */
  readonly checkEndpoint: ((request: DeliveryRequest, owner: string) => Promise<DeliveryResult>) | null;
  /** Throws `address-refused`. */
  checkCallbackUrl(url: string): void;
  /** Sends an outage's e-mail as a test. It is null if this process sends no e-mails. */
  readonly sendTestMail: ((callback: Callback) => Promise<TestMail>) | null;
  /** Is called as responses are about to be stored: others may share the transaction. */
  onAccepting(): void;
  /** Is called after a commit that changed what has to be sent. */
  onWork(callbackId: string, kind: WorkKind): void;
  /** Returns the seqs of calls that the dispatcher of this process has in flight, or null if another one may own the callback. */
  begunCalls(callbackId: string): ReadonlySet<number> | null;
  /** Returns how many requests to endpoints this process has in flight. */
  countInFlight(): number;
  /** Has the handler called with each attempt, for /metrics. */
  onAttempt(handler: (attempt: Attempt) => void): void;
  /** Has the handler called with how long each commit of outcomes took, for /metrics. */
  onCommit(handler: (seconds: number) => void): void;
  /** Has the handler called when the dispatcher's lease had ended, for /metrics. */
  onLeaseLost(handler: () => void): void;
  /** Reads the space of the disk with the database. It is null if the database isn't a file. */
  readonly readDisk: (() => Promise<DiskSpace>) | null;
  /** Returns true until the service begins to stop. */
  isReady(): boolean;
  /** Says why the egress proxy can't be used, without its name; it is null without one, if it works, and for a URL reached directly. */
  egressFailure(url?: string): string | null;
  /** Returns whether a process runs, as far as is known, that sends the calls of this service. */
  hasSender(): Promise<boolean>;
}

export interface DiskSpace {
  /** What the service may still write. */
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

export type WorkKind = "accepted" | "changed";
