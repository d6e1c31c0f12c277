import { type Env, findProgram } from "../process/programs.js";

export const NO_PGBOUNCER =
  "no pgbouncer found on PATH or in /usr/sbin; install it, such as Debian's and Ubuntu's package pgbouncer, or set WHCB_PGBOUNCER to its path";

export function findPgbouncer(env: Env): string | null {
  return findProgram({ names: ["pgbouncer"], paths: ["/usr/sbin/pgbouncer"], variable: "WHCB_PGBOUNCER" }, env);
}
