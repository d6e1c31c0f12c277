import { type DestinationStream, pino } from "pino";
import type { Logger } from "./logger.js";
import { escapeJson } from "./unsafe-characters.js";

export type LogLevel = "silent" | "error" | "warn" | "info";

/** `SECRET_FIELDS` are found at any depth up to three. */
const SECRET_FIELDS = [
  "authorization",
  "x-api-key",
  "apikey",
  "password",
  "apiKey",
  "key",
  "token",
  "cookie",
  "x-whispir-callback-key",
];

export function pinoLogger(level: LogLevel, destination: DestinationStream): Logger {
  const paths = SECRET_FIELDS.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]);
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, redact: { paths, censor: "[redacted]" } },
    // A log may be read in a terminal.
    { write: (line) => destination.write(escapeJson(line)) },
  );
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
