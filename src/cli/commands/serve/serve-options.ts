/** Every setting of `whcb serve`, from its flags and the environment. */

import { join, resolve } from "node:path";
import { WhcbError } from "../../../domain/errors.js";
import { DEFAULT_RETENTION } from "../../../domain/retention.js";
import { DEFAULT_RETRY_POLICY } from "../../../domain/retry-policy.js";
import type { Credentials, ServeOptions } from "../../cli-deps.js";
import type { Invocation } from "../../invocation.js";
import {
  ALLOW_NETWORK,
  DB,
  HOST,
  LOG_LEVEL,
  MAIL_DIR,
  NO_DISPATCH,
  NO_ENDPOINT_CHECK,
  NO_JITTER,
  PLAN,
  PORT,
  RETAIN,
  RETRY_INTERVAL,
  RETRY_WINDOW,
  SMTP,
  TRUST_PROXY,
} from "./command.js";

/** Throws `usage` for a URL flag with a password in it, `config` for a secret key that is none. */
export function readServeOptions({ args, deps }: Invocation, credentials: Credentials): ServeOptions {
  const { env } = deps.io;
  const retain = args.get(RETAIN);
  const mailDirectory = args.get(MAIL_DIR);
  return {
    port: args.get(PORT),
    host: args.get(HOST),
    database: readDatabase(args.get(DB), env.WHCB_DB) ?? join(deps.paths.data, "whcb.db"),
    policy: {
      intervalMs: args.get(RETRY_INTERVAL) ?? DEFAULT_RETRY_POLICY.intervalMs,
      windowMs: args.get(RETRY_WINDOW) ?? DEFAULT_RETRY_POLICY.windowMs,
      jitter: !args.get(NO_JITTER),
    },
    retention: retain === undefined ? DEFAULT_RETENTION : { withRetriesMs: retain, withoutRetriesMs: retain },
    smtp: toSmtp(withoutPassword(args.get(SMTP), "--smtp", "WHCB_SMTP") ?? env.WHCB_SMTP),
    mailDirectory: mailDirectory === undefined ? null : resolve(mailDirectory),
    plan: args.get(PLAN) ?? null,
    endpointCheck: !args.get(NO_ENDPOINT_CHECK),
    dispatch: !args.get(NO_DISPATCH),
    allowNetworks: args.get(ALLOW_NETWORK) ?? [],
    trustProxy: args.get(TRUST_PROXY),
    credentials,
    secretKey: toSecretKey(env.WHCB_SECRET_KEY),
    logLevel: args.get(LOG_LEVEL),
  };
}

/** A password in a flag could be read by every user of the machine. */
function withoutPassword(text: string | undefined, flag: string, variable: string): string | undefined {
  if (text === undefined || !text.includes("://")) return text;
  const authority = text.slice(text.indexOf("://") + 3).split(/[/?#]/)[0] ?? "";
  if (/:[^@]*@/.test(authority) || /[?&](password|pass|auth)=/i.test(text)) {
    throw new WhcbError("usage", `${flag} has a password in it, where other users could read it`, {
      hint: `give the URL as ${variable} instead`,
    });
  }
  return text;
}

/** A URL of a database server is refused before anything opens, locks or prints it: a password may be in it. */
function readDatabase(given: string | undefined, inEnvironment: string | undefined): string | undefined {
  const text = withoutPassword(given, "--db", "WHCB_DB") ?? (inEnvironment || undefined);
  if (text === undefined || text === ":memory:") return text;
  const path = text.replace(/^file:(\/\/)?/i, "");
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) {
    throw new WhcbError("usage", `${given === undefined ? "WHCB_DB" : "--db"} is a URL: whcb keeps its data in a SQLite file`, {
      hint: "give a file's path, such as --db whcb.db",
    });
  }
  return resolve(path);
}

function toSmtp(text: string | undefined): string | null {
  if (text === undefined || text === "") return null;
  if (!/^smtps?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new WhcbError("usage", "the mail server is no smtp:// or smtps:// URL", {
      hint: "write it like smtp://mail.example.com:587",
    });
  }
  return text;
}

function toSecretKey(text: string | undefined): Uint8Array | null {
  if (text === undefined || text === "") return null;
  const key = Buffer.from(text, "base64");
  if (key.length !== 32 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(text.trim())) {
    throw new WhcbError("config", "WHCB_SECRET_KEY isn't 32 bytes in base64", { hint: "make one with: openssl rand -base64 32" });
  }
  return key;
}
