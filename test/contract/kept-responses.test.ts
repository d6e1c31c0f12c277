import { describeKeptResponses } from "./kept-responses.js";

describeKeptResponses("SQLite", async (machine) => machine.path("x.db"));
