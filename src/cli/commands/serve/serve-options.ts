import { join, resolve } from "node:path";
import { WhcbError } from "../../../domain/errors.js";
import { parseUrl } from "../../../domain/mask.js";
import type { ServiceSettings } from "../../../domain/service-settings.js";
import { DEFAULT_AUTH_PARAMETER } from "../../../wire/delivery-settings.js";
import type { Invocation } from "../../args/command-spec.js";
import type { ParsedArgs } from "../../args/flag.js";
import type { NoticeOptions, ServeOptions } from "../../cli-deps.js";
import { DATABASE_NAME, readDatabase, withoutPassword } from "../../settings/database-path.js";
import { isSlackWebhook, readNoticeUrls } from "../../settings/notice-urls.js";
import {
  ALLOW_HOST,
  ALLOW_NETWORK,
  AUTH_PARAMETER,
  BODY_MEMORY,
  BODY_NAME_SET,
  DB,
  HOST,
  LOG_LEVEL,
  MAIL_DIR,
  MAX_IN_FLIGHT,
  METRICS_HOST,
  METRICS_PORT,
  NO_API,
  NO_DISPATCH,
  NO_ENDPOINT_CHECK,
  NO_JITTER,
  NOTIFY,
  NOTIFY_FORMAT,
  NOTIFY_RECOVERY,
  PLAN,
  PORT,
  RETAIN_FAILED,
  RETAIN_MAIL,
  RETAIN_SUCCESS,
  RETRY_INTERVAL,
  RETRY_WINDOW,
  SMTP,
  TRUST_PROXY,
} from "./command.js";

const LOOPBACK = "127.0.0.1";

/** Throws `usage`, also for a flag with a password. */
export function readServeOptions({ args, deps }: Invocation): Omit<ServeOptions, "credentials"> {
  const { env } = deps.io;
  const mailDirectory = args.get(MAIL_DIR);
  if (args.get(NO_API) && args.get(NO_DISPATCH)) {
    throw new WhcbError("usage", "--no-api and --no-dispatch leave nothing to do", { hint: "give one of them, or neither" });
  }
  const [metricsHost, metricsPort] = [args.get(METRICS_HOST), args.get(METRICS_PORT)];
  if (metricsHost !== undefined && metricsPort === undefined) {
    throw new WhcbError("usage", "--metrics-host needs --metrics-port");
  }
  return {
    port: args.get(PORT),
    host: args.get(HOST),
    database: readDatabase(args.get(DB), env.WHCB_DB) ?? join(deps.paths.data, DATABASE_NAME),
    dataDirectory: deps.paths.data,
    settings: withoutUndefined({
      intervalMs: args.get(RETRY_INTERVAL),
      windowMs: args.get(RETRY_WINDOW),
      retainSuccessMs: args.get(RETAIN_SUCCESS),
      retainFailedMs: args.get(RETAIN_FAILED),
      retainMailMs: args.get(RETAIN_MAIL),
    }),
    jitter: !args.get(NO_JITTER),
    smtp: toSmtp(withoutPassword(args.get(SMTP), "--smtp", "WHCB_SMTP") ?? env.WHCB_SMTP),
    mailDirectory: mailDirectory === undefined ? null : resolve(mailDirectory),
    notices: readNoticeOptions(args, env),
    plan: args.get(PLAN) ?? null,
    authParameter: args.get(AUTH_PARAMETER) ?? DEFAULT_AUTH_PARAMETER,
    bodyNames: args.get(BODY_NAME_SET),
    endpointCheck: !args.get(NO_ENDPOINT_CHECK),
    dispatch: !args.get(NO_DISPATCH),
    limits: { inFlightInAll: args.get(MAX_IN_FLIGHT), bodyBytes: args.get(BODY_MEMORY) },
    allowNetworks: args.get(ALLOW_NETWORK) ?? [],
    trustedProxies: args.get(TRUST_PROXY) ?? [],
    allowHosts: args.get(ALLOW_HOST) ?? [],
    metrics: metricsPort === undefined ? null : { host: metricsHost ?? LOOPBACK, port: metricsPort },
    secretKey: env.WHCB_SECRET_KEY ?? "",
    logLevel: args.get(LOG_LEVEL),
  };
}

function readNoticeOptions(args: ParsedArgs, env: NodeJS.ProcessEnv): NoticeOptions {
  const format = args.get(NOTIFY_FORMAT);
  const urls = readNoticeUrls(args.get(NOTIFY), env.WHCB_NOTIFY);
  return {
    webhooks: urls.map((url) => ({ url, format: isSlackWebhook(new URL(url)) ? "slack" : format })),
    secret: env.WHCB_NOTIFY_SECRET ?? "",
    recoveryMails: args.get(NOTIFY_RECOVERY),
  };
}

function toSmtp(text: string | undefined): string | null {
  if (text === undefined || text === "") return null;
  if (!/^smtps?:\/\//i.test(text) || parseUrl(text) === null) {
    throw new WhcbError("usage", "the mail server must be an smtp:// or smtps:// URL", {
      hint: "write it like smtp://mail.example.com:587",
    });
  }
  return text;
}

function withoutUndefined(settings: { [Name in keyof ServiceSettings]: number | undefined }): Partial<ServiceSettings> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
