/** A PostgreSQL server for the test run: vitest starts it if a test that needs it runs, and stops it afterwards. */
import type { TestProject } from "vitest/node";
import { startServer } from "./server.js";

declare module "vitest" {
  interface ProvidedContext {
    /** It has a superuser's name and password, and leads to an empty database. */
    postgresUrl: string;
  }
}

// biome-ignore lint/style/noDefaultExport: vitest asks for it
export default async function startCluster(project: TestProject): Promise<() => Promise<void>> {
  const { url, stop } = await startServer(["synchronous_commit=off"]);
  project.provide("postgresUrl", url);
  return stop;
}
