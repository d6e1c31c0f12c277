/** What main passes to the command line. Nothing is opened before a command needs it. */
import type { Client } from "../client/client.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { ServiceSettings } from "../domain/service-settings.js";
import type { Clock } from "../platform/clock.js";
import type { Paths } from "../platform/paths.js";
import type { Random } from "../platform/random.js";
import type { Io } from "../platform/terminal.js";

export interface CliDeps {
  readonly io: Io;
  readonly clock: Clock;
  readonly random: Random;
  readonly paths: Paths;
  readonly version: string;
  openClient(target: ServiceTarget): Promise<Client>;
  openDeliverer(options: DelivererOptions): Promise<Deliverer>;
  /** Locks a file until it is released or this process dies; null if another process has the lock. */
  lockFile(path: string): Promise<{ release(): Promise<void> } | null>;
  startService(options: ServeOptions): Promise<RunningService>;
}

/** The service that a command works with, all settings resolved. */
export type ServiceTarget =
  | {
      readonly kind: "http";
      readonly url: string;
      readonly apiKey: string;
      readonly username: string;
      readonly password: string;
      /** The most requests a second; null: no limit. */
      readonly rate: number | null;
      /** IANA name of the time zone of the service's dd/MM/yy dates. */
      readonly timezone: string;
      /** Called with each request and answer, without secrets: --verbose. */
      readonly onExchange?: (line: string) => void;
    }
  | {
      readonly kind: "file";
      readonly path: string;
      /** The name of the query parameter for `queryparam` auth, for the check of a new callback's URL. */
      readonly authParameter: string;
    };

export interface DelivererOptions {
  readonly maxConnections: number;
}

export interface ServeOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly host: string;
  /** A file's path, or ":memory:". */
  readonly database: string;
  /** Those that were given: they are stored. The database has the others. */
  readonly settings: Partial<ServiceSettings>;
  readonly jitter: boolean;
  /** An smtp:// or smtps:// URL; null: .eml files. */
  readonly smtp: string | null;
  /** Where the .eml files go; null: mail/ beside the database. */
  readonly mailDirectory: string | null;
  readonly plan: "startup" | "business" | "enterprise" | null;
  /** The name of the query parameter for `queryparam` auth. */
  readonly authParameter: string;
  readonly endpointCheck: boolean;
  readonly dispatch: boolean;
  /** CIDRs that are allowed although the public rules forbid them. */
  readonly allowNetworks: readonly string[];
  /** Use the X-Forwarded-* host and scheme in links. */
  readonly trustProxy: boolean;
  readonly credentials: Credentials;
  /** The value of WHCB_SECRET_KEY; empty: a key file beside the database, created at the first run. */
  readonly secretKey: string;
  /** Log lines (JSON) go to stderr. */
  readonly logLevel: "silent" | "error" | "warn" | "info";
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly apiKey: string;
}

export interface RunningService {
  /** http://host:port, with the bound port. */
  readonly url: string;
  /** Those in force. */
  readonly settings: ServiceSettings;
  /** Resolves when the service has ended, by itself or through `stop`. */
  readonly stopped: Promise<void>;
  /** Takes no new work, lets in-flight attempts finish (65 s at most), commits and closes. */
  stop(): Promise<void>;
}
