/** Nothing is opened before a command needs it. */

import type { Client, ClientOptions } from "../client/client.js";
import type { ServiceCredentials } from "../client/service-api.js";
import type { AddressRule } from "../delivery/address-rule.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { EgressProxy } from "../delivery/egress-proxy.js";
import type { BackupTarget, CheckedDatabase, Copied, CopyProgress, Migrated } from "../domain/maintenance.js";
import type { PlanName, SendLimits, ServiceSettings, StartUsers } from "../domain/service-settings.js";
import type { Clock, Timers } from "../platform/clock.js";
import type { FullScreen } from "../platform/full-screen.js";
import type { Paths } from "../platform/paths.js";
import type { LogLevel } from "../platform/pino-logger.js";
import type { Random } from "../platform/random.js";
import type { Io } from "../platform/terminal.js";
import type { LockFile } from "../runs/run-deps.js";
import type { BodyNames, DeliverySettings } from "../wire/delivery-settings.js";

export interface CliDeps {
  readonly io: Io;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly paths: Paths;
  readonly version: string;
  openClient(target: ServiceTarget): Promise<Client>;
  /** A program that runs commands itself is told the run's id. */
  onRunStarted?(runId: string): void;
  openDeliverer(options: DelivererOptions): Promise<Deliverer>;
  readonly lockFile: LockFile;
  /** Returns whether this user's `serve` on loopback, in the network namespace of this process, has the port of this URL. */
  isServedHere(url: string): Promise<boolean>;
  /** Returns whether a `serve` that isn't on loopback of this network namespace has the database file, or may have it. */
  isServedElsewhere(path: string): Promise<boolean>;
  openDatabase(path: string): Promise<DatabaseAdmin>;
  /** Loads the code, and opens nothing yet. */
  loadMaintenance(): Promise<DatabaseMaintenance>;
  openFullScreen(): Promise<FullScreen>;
  /** Doesn't wait for the browser. Returns false if there is none. */
  openInBrowser(url: string): Promise<boolean>;
  /** The service takes its time from `clock`. Default: the `clock` above. */
  startService(options: ServeOptions, clock?: Clock): Promise<RunningService>;
}

export interface HttpTarget extends ServiceCredentials, Omit<ClientOptions, "credentials" | "clock" | "random"> {
  readonly kind: "http";
  readonly url: string;
  /** What this machine has at the URL gets nothing unless it is the service that has this file locked. */
  readonly portLock?: PortLock | undefined;
}

/** The process `pid` keeps the file at `path` open and locked while it listens at `port` of all these IP addresses. */
export interface PortLock {
  readonly path: string;
  readonly pid: number;
  readonly port: number;
  readonly addresses: readonly string[];
}

export type ServiceTarget =
  | HttpTarget
  | {
      readonly kind: "file";
      readonly path: string;
      /** Both settings count for a file that was never served with settings of its own. */
      readonly authParameter: string;
      readonly bodyNames: BodyNames;
    };

/** `DatabaseAdmin` works on the database itself, beside a `serve` or without one: nothing that is reached over HTTP can do this. */
export interface DatabaseAdmin {
  listUsers(): Promise<readonly User[]>;
  /** Returns the user's API key, shown once. Throws `invalid` for an existing user. */
  addUser(username: string, password: string): Promise<string>;
  /** Returns the new API key; null if it stays. Throws `not-found`. */
  changePassword(username: string, password: string, withNewKey: boolean): Promise<string | null>;
  /** Throws `not-found`. */
  removeUser(username: string): Promise<void>;
  /**
   * Throws `config` while the database is served or if its user may not rewrite the tables, `locked` while a run sends, `unavailable`
   * if the file or the tables can't be rewritten yet.
   */
  eraseSender(erasure: Erasure): Promise<Erased>;
  close(): Promise<void>;
}

/** Each method opens the database itself, and migrates it only if it says so. `database` is a file's path, or a URL of PostgreSQL. */
export interface DatabaseMaintenance {
  /** Copies a SQLite file, also beside a `serve`. Throws `usage` for a target that exists, `unavailable` if it can't be written. */
  backUp(path: string, target: BackupTarget): Promise<Backup>;
  /** Reads one state, and writes nothing. Throws `config` for a database of another version. */
  check(database: string, onProgress: (where: string) => void): Promise<CheckedDatabase>;
  /**
   * Copies a SQLite file into a PostgreSQL database without data, or goes on with an interrupted copy of the same file. Throws `config`
   * if the file is served or the target has other data, `locked` while a run sends, `items-failed` if the copy differs.
   */
  copy(path: string, url: string, onProgress: (progress: CopyProgress) => void): Promise<Copied>;
  /** Throws `config` while a `serve` uses a SQLite file of another version. */
  migrate(database: string): Promise<Migrated>;
  /** Returns the id of the file, or of the PostgreSQL database to which the URL leads, or null if it isn't known. Changes nothing. */
  findId(database: string): Promise<string | null>;
}

export interface Backup {
  readonly bytes: number;
  readonly version: number;
  /** `keyFile` isn't in the backup, and is null if the key comes from WHCB_SECRET_KEY. */
  readonly keyFile: string | null;
}

export interface Erasure {
  /** Returns whether it is one of the sender's addresses, and false for "". */
  readonly isSender: (address: string) => boolean;
  /** .eml files are in it; null means mail/ beside the database. */
  readonly mailDirectory: string | null;
  readonly dryRun: boolean;
}

export interface Erased {
  readonly calls: number;
  /** So many of these calls were FAILED. */
  readonly failed: number;
  /** So many of these calls had something still to be sent. */
  readonly waiting: number;
  readonly attempts: number;
  /** `addresses` are as they were stored, each with the number of its calls. */
  readonly addresses: ReadonlyMap<string, number>;
  readonly mails: number;
  /** So many of these were sent to a mail server, which still has them. */
  readonly sentMails: number;
  /** So many of these were written to a file: more than mailFiles if those are in another folder, or were removed. */
  readonly filedMails: number;
  readonly mailFiles: number;
}

export interface User {
  readonly username: string;
  /** A user of origin "start" was given to or made by `serve`; the next start replaces it. */
  readonly origin: "start" | "added";
  /** The user was last changed then. */
  readonly savedAt: number;
}

export interface DelivererOptions {
  readonly maxConnections: number;
  readonly addressRule: AddressRule;
  readonly egressProxy: EgressProxy | null;
}

export interface ServeOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  /** `database` is a path, ":memory:", or a URL of PostgreSQL, perhaps with its password. */
  readonly database: string;
  /** `dataDirectory` holds the e-mails and the key of a database on a server. */
  readonly dataDirectory: string;
  /** Those that are given are stored; the database has the others. */
  readonly settings: Partial<ServiceSettings>;
  readonly jitter: boolean;
  /** `smtp` is an smtp:// or smtps:// URL; null writes .eml files. */
  readonly smtp: string | null;
  /** .eml files are written to it; null means mail/ beside the database. */
  readonly mailDirectory: string | null;
  readonly notices: NoticeOptions;
  readonly plan: PlanName | null;
  /** `queryparam` auth sends the key in it. */
  readonly authParameter: string;
  readonly bodyNames: BodyNames;
  readonly endpointCheck: boolean;
  readonly dispatch: boolean;
  readonly limits: SendLimits;
  readonly allowNetworks: readonly string[];
  /** Endpoints and the receivers of notices are reached through it. */
  readonly egressProxy: EgressProxy | null;
  /** The X-Forwarded-* headers of proxies in these CIDRs are believed. */
  readonly trustedProxies: readonly string[];
  /** A service on loopback takes these names in Host besides localhost. */
  readonly allowHosts: readonly string[];
  /** The origin at which people reach the console; null if that isn't known. */
  readonly publicUrl: string | null;
  /** `metrics` needs no credentials. Port 0 takes any free one; null opens none. */
  readonly metrics: { readonly host: string; readonly port: number } | null;
  /** With null there is no API and no console: of HTTP only the health routes and metrics answer. */
  readonly credentials: ServiceCredentials | null;
  /** `secretKey` is WHCB_SECRET_KEY; if it is empty, the first run creates a key file beside the database. */
  readonly secretKey: string;
  /** Logs are JSON lines on stderr. */
  readonly logLevel: LogLevel;
}

/** Outages are also reported like this, besides their e-mail. */
export interface NoticeOptions {
  /** The URLs may hold secrets. */
  readonly webhooks: readonly { readonly url: string; readonly format: "json" | "slack" }[];
  /** `secret` is WHCB_NOTIFY_SECRET; if it is empty, JSON isn't signed. */
  readonly secret: string;
  /** The end of an outage gets an e-mail, too. */
  readonly recoveryMails: boolean;
}

export interface RunningService extends StartReport {
  /** Resolves at the end of the service, by itself or through `stop`. */
  readonly stopped: Promise<void>;
  /** Takes no new work, waits for attempts in flight (65 s at most), commits and closes. */
  stop(): Promise<void>;
}

export interface StartReport {
  readonly url: string;
  /** It is null without an API, or if the file can't be locked. */
  readonly portLock: PortLock | null;
  /** Why the file can't be locked. */
  readonly portFailure: string | null;
  readonly metricsUrl: string | null;
  readonly settings: ServiceSettings;
  /** Counted at the start. `retried` counts the failed calls of callbacks with retries on. */
  readonly waiting: { readonly pending: number; readonly failed: number; readonly retried: number };
  /** Without a mail server, .eml files are written to it. */
  readonly mailDirectory: string;
  readonly users: StartUsers | null;
  /** `databaseId` is null for a database in memory. */
  readonly databaseId: string | null;
  /** Another program may get in between this process and the database there. It is null on SQLite. */
  readonly clearTextHost: string | null;
  /** The last `serve` on the SQLite file sent calls so. Another `databaseId` says that the file is a copy of the one that it had. */
  readonly sentBefore: Partial<DeliverySettings & Pick<StartReport, "databaseId">>;
}
