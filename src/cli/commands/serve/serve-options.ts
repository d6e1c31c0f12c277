import { join, resolve } from "node:path";
import { isForThisMachineOnly } from "../../../delivery/address-rule.js";
import { readEgressProxy } from "../../../delivery/egress-proxy.js";
import { WhcbError } from "../../../domain/errors.js";
import { parseUrl } from "../../../domain/mask.js";
import { isLoopbackHost } from "../../../platform/loopback.js";
import { DEFAULT_AUTH_PARAMETER } from "../../../wire/delivery-settings.js";
import { withoutUndefined } from "../../../wire/json/json-value.js";
import type { Invocation } from "../../args/command-spec.js";
import type { FlagValues } from "../../args/flag.js";
import type { NoticeOptions, ServeOptions } from "../../cli-deps.js";
import { DATABASE_NAME, readDatabase, requireNoPassword, typedServiceFlag } from "../../settings/database-path.js";
import { DEFAULT_NOTICE_FORMAT, isSlackWebhook, readNoticeUrls } from "../../settings/notice-urls.js";
import type { ServeFlags } from "./command.js";

const LOOPBACK = "127.0.0.1";

/** Throws `usage`, also for a flag with a password. */
export function readServeOptions({ args, values, deps }: Invocation<ServeFlags>): Omit<ServeOptions, "credentials"> {
  const { env } = deps.io;
  const mailDirectory = values.mailDir;
  if (values.noApi && values.noDispatch) {
    throw new WhcbError("usage", "--no-api and --no-dispatch leave nothing to do", { hint: "give one of them, or neither" });
  }
  const typedService = typedServiceFlag(args);
  if (typedService !== null)
    throw ignored(typedService, "it names the service of other commands", "--db names the database to serve");
  const { allowHost: allowHosts = [], trustProxy: trustedProxies = [], publicUrl = null } = values;
  const reach = { host: values.host, trustedProxies, allowHosts, publicUrl };
  requireObeyed(values, isForThisMachineOnly({ ...reach, hasApi: !values.noApi }));
  const { metricsHost, metricsPort } = values;
  return {
    port: values.port,
    ...reach,
    database: readDatabase(values.database, env.WHCB_DB) ?? join(deps.paths.data, DATABASE_NAME),
    dataDirectory: deps.paths.data,
    settings: withoutUndefined({
      intervalMs: values.retryInterval,
      windowMs: values.retryWindow,
      retainSuccessMs: values.retainSuccess,
      retainFailedMs: values.retainFailed,
      retainMailMs: values.retainMail,
    }),
    jitter: !values.noJitter,
    smtp: toSmtp(requireNoPassword(values.smtp, "--smtp", "WHCB_SMTP") ?? env.WHCB_SMTP),
    mailDirectory: mailDirectory === undefined ? null : resolve(mailDirectory),
    notices: readNoticeOptions(values, env),
    plan: values.plan ?? null,
    authParameter: values.authParameter ?? DEFAULT_AUTH_PARAMETER,
    bodyNames: values.bodyNames,
    endpointCheck: !values.noEndpointCheck,
    dispatch: !values.noDispatch,
    limits: { inFlightInAll: values.maxInFlight, bodyBytes: values.bodyMemory },
    egressProxy: readEgressProxy(values.egressProxy, env),
    allowNetworks: values.allowNetwork ?? [],
    metrics: metricsPort === undefined ? null : { host: metricsHost ?? LOOPBACK, port: metricsPort },
    secretKey: env.WHCB_SECRET_KEY ?? "",
    logLevel: values.logLevel,
  };
}

function requireObeyed({ host, allowNetwork, allowHost }: FlagValues<ServeFlags>, isLocal: boolean): void {
  if (isLocal && allowNetwork !== undefined)
    throw ignored("--allow-network", "on loopback a callback may be in any network", "--host turns the public rules on");
  if (!isLoopbackHost(host) && allowHost !== undefined)
    throw ignored("--allow-host", `at ${host} any name in the Host header is answered`, "leave it out");
}

function ignored(flag: string, why: string, hint: string): WhcbError {
  return new WhcbError("usage", `${flag} would be ignored: ${why}`, { hint });
}

function readNoticeOptions(values: FlagValues<ServeFlags>, env: NodeJS.ProcessEnv): NoticeOptions {
  const format = values.notifyFormat ?? DEFAULT_NOTICE_FORMAT;
  const urls = readNoticeUrls(values.notify, env.WHCB_NOTIFY);
  if (urls.length === 0 && values.notifyFormat !== undefined)
    throw ignored("--notify-format", "there are no notices", "--notify or WHCB_NOTIFY says where they go");
  return {
    webhooks: urls.map((url) => ({ url, format: isSlackWebhook(new URL(url)) ? "slack" : format })),
    secret: env.WHCB_NOTIFY_SECRET ?? "",
    recoveryMails: values.notifyRecovery,
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
