/** Vitest runs this before each test file, because a hook that is registered while another runs is never called. */
import { afterAll } from "vitest";
import { dropDatabases } from "./databases.js";

afterAll(dropDatabases);
