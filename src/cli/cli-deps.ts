/** Nothing is opened before a command needs it. */
import type { OnListed } from "../client/call-requests.js";
import type { Client } from "../client/client.js";
import type { AddressRule } from "../delivery/address-rule.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { BackupTarget, CheckedDatabase, Copied, CopyProgress, Migrated } from "../domain/maintenance.js";
import type { SendLimits, ServiceSettings, StartUsers } from "../domain/service-settings.js";
import type { Clock } from "../platform/clock.js";
import type { FullScreen } from "../platform/full-screen.js";
import type { Paths } from "../platform/paths.js";
import type { Random } from "../platform/random.js";
import type { Io } from "../platform/terminal.js";
import type { BodyNames } from "../wire/delivery-settings.js";

export interface CliDeps {
  readonly io: Io;
  readonly clock: Clock;
  readonly random: Random;
  readonly paths: Paths;
  readonly version: string;
  openClient(target: ServiceTarget): Promise<Client>;
  /** Of a program that runs commands itself. */
  onRunStarted?(runId: string): void;
  openDeliverer(options: DelivererOptions): Promise<Deliverer>;
  /** Until released or this process dies; null if another process has it. */
  lockFile(path: string): Promise<{ release(): Promise<void> } | null>;
  /** Of an existing file. */
  openDatabase(path: string): Promise<DatabaseAdmin>;
  /** Opens nothing yet. */
  loadMaintenance(): Promise<DatabaseMaintenance>;
  /** Of this process's terminal. Enters it. */
  openFullScreen(): Promise<FullScreen>;
  /** Doesn't wait for it. false: there is none. */
  openInBrowser(url: string): Promise<boolean>;
  /** `clock`: the service's; default: `clock` above. */
  startService(options: ServeOptions, clock?: Clock): Promise<RunningService>;
}

export type ServiceTarget =
  | {
      readonly kind: "http";
      readonly url: string;
      readonly apiKey: string;
      readonly username: string;
      readonly password: string;
      /** Requests a second; null: no limit. */
      readonly rate: number | null;
      /** IANA zone of the service's dd/MM/yy dates. */
      readonly timezone: string;
      /** Gets each page of a list of calls, before its filter. */
      readonly onListed?: OnListed | undefined;
      /** Without secrets, for --verbose. */
      readonly onExchange?: ((line: string) => void) | undefined;
      /** Whether a request waits for a service that refuses connections now. Default: yes, if it has answered before. */
      readonly retriesRefused?: (reason: string) => boolean;
    }
  | {
      readonly kind: "file";
      readonly path: string;
      /** For a file that was never served with settings of its own. */
      readonly authParameter: string;
      readonly bodyNames: BodyNames;
    };

/** On the database itself, beside a `serve` or without one: nothing that is reached over HTTP can do this. */
export interface DatabaseAdmin {
  listUsers(): Promise<readonly User[]>;
  /** Returns the user's API key, shown once. Throws `invalid` for an existing user. */
  addUser(username: string, password: string): Promise<string>;
  /** Returns the new API key; null if it stays. Throws `not-found`. */
  changePassword(username: string, password: string, withNewKey: boolean): Promise<string | null>;
  /** Throws `not-found`. */
  removeUser(username: string): Promise<void>;
  /** Throws `config` while the database is served, `locked` while a run sends, `unavailable` if the file can't be rewritten yet. */
  eraseSender(erasure: Erasure): Promise<Erased>;
  close(): Promise<void>;
}

/** Of a database as a whole. Each opens it itself, and migrates it only if it says so. `database`: a file's path, or a URL of PostgreSQL. */
export interface DatabaseMaintenance {
  /** Of a SQLite file, also beside a `serve`. Throws `usage` for a file that exists, `unavailable` if it can't be written. */
  backUp(path: string, target: BackupTarget): Promise<Backup>;
  /** Reads only, and one state. Throws `config` for a database of another version. */
  check(database: string, onProgress: (where: string) => void): Promise<CheckedDatabase>;
  /**
   * A SQLite file into a PostgreSQL database without data, or on with an interrupted copy of the same file. Throws `config` if the file is
   * served or the target has other data, `locked` while a run sends, `items-failed` if the copy differs.
   */
  copy(path: string, url: string, onProgress: (progress: CopyProgress) => void): Promise<Copied>;
  /** Throws `config` while a `serve` uses a SQLite file of another version. */
  migrate(database: string): Promise<Migrated>;
}

export interface Backup {
  readonly bytes: number;
  /** Of the database's schema. */
  readonly version: number;
  /** Isn't in the backup; null: the key comes from WHCB_SECRET_KEY. */
  readonly keyFile: string | null;
}

export interface Erasure {
  /** Whether it is one of the sender's addresses; false for "". */
  readonly isSender: (address: string) => boolean;
  /** Of .eml files; null: mail/ beside the database. */
  readonly mailDirectory: string | null;
  /** Only find. */
  readonly dryRun: boolean;
}

export interface Erased {
  readonly calls: number;
  /** Of these calls: had something still to be sent. */
  readonly waiting: number;
  readonly attempts: number;
  /** As they were stored, with the number of calls. */
  readonly addresses: ReadonlyMap<string, number>;
  readonly mails: number;
  /** Of these: sent to a mail server, which still has them. */
  readonly sentMails: number;
  /** Of these: written to a file. More than mailFiles if those are in another folder, or were removed. */
  readonly filedMails: number;
  readonly mailFiles: number;
}

export interface User {
  readonly username: string;
  /** start: given to or made by `serve`; replaced by the next start's. */
  readonly origin: "start" | "added";
  /** Of the last change. */
  readonly savedAt: number;
}

export interface DelivererOptions {
  readonly maxConnections: number;
  readonly addressRule: AddressRule;
}

export interface ServeOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly host: string;
  /** A path, ":memory:", or a URL of PostgreSQL, perhaps with its password. */
  readonly database: string;
  /** For the e-mails and the key of a database on a server. */
  readonly dataDirectory: string;
  /** Only those given, which are stored; the database has the others. */
  readonly settings: Partial<ServiceSettings>;
  readonly jitter: boolean;
  /** smtp:// or smtps:// URL; null: .eml files. */
  readonly smtp: string | null;
  /** For .eml files; null: mail/ beside the database. */
  readonly mailDirectory: string | null;
  readonly notices: NoticeOptions;
  readonly plan: "startup" | "business" | "enterprise" | null;
  /** For `queryparam` auth. */
  readonly authParameter: string;
  readonly bodyNames: BodyNames;
  readonly endpointCheck: boolean;
  readonly dispatch: boolean;
  readonly limits: SendLimits;
  /** CIDRs allowed despite the public rules. */
  readonly allowNetworks: readonly string[];
  /** CIDRs of proxies whose X-Forwarded-* are believed. */
  readonly trustedProxies: readonly string[];
  /** Names in Host that a service on loopback takes besides localhost. */
  readonly allowHosts: readonly string[];
  /** Without credentials. Port 0: any free one; null: not there. */
  readonly metrics: { readonly host: string; readonly port: number } | null;
  /** null: without API and console; of HTTP only the health routes and metrics answer. */
  readonly credentials: Credentials | null;
  /** WHCB_SECRET_KEY; empty: a key file beside the database, created at the first run. */
  readonly secretKey: string;
  /** JSON lines on stderr. */
  readonly logLevel: "silent" | "error" | "warn" | "info";
}

/** Of outages, besides their e-mail. */
export interface NoticeOptions {
  /** The URLs may hold secrets. */
  readonly webhooks: readonly { readonly url: string; readonly format: "json" | "slack" }[];
  /** WHCB_NOTIFY_SECRET; empty: JSON isn't signed. */
  readonly secret: string;
  /** An e-mail at the end of an outage, too. */
  readonly recoveryMails: boolean;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly apiKey: string;
}

export interface RunningService extends StartReport {
  /** Resolves at the end of the service, by itself or through `stop`. */
  readonly stopped: Promise<void>;
  /** Takes no new work, waits for attempts in flight (65 s at most), commits and closes. */
  stop(): Promise<void>;
}

export interface StartReport {
  readonly url: string;
  /** null without metrics. */
  readonly metricsUrl: string | null;
  readonly settings: ServiceSettings;
  /** At the start. `retried`: of the failed calls, those of callbacks with retries on. */
  readonly waiting: { readonly pending: number; readonly failed: number; readonly retried: number };
  /** Of .eml files, without a mail server. */
  readonly mailDirectory: string;
  /** null without credentials. */
  readonly users: StartUsers | null;
}
