/** The settings of a profile that `config set` changes. */
export const SETTABLE = [
  "url",
  "username",
  "password",
  "apiKey",
  "callback",
  "timezone",
  "country",
  "authParameter",
  "bodyNames",
  "allowNetwork",
  "rate",
] as const;
export type Settable = (typeof SETTABLE)[number];
