/** For the operator. Fields never hold a secret; the real logger redacts them all the same. */
export interface Logger {
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export type LogFields = Readonly<Record<string, unknown>>;

export const silentLogger: Logger = { info() {}, warn() {}, error() {} };
