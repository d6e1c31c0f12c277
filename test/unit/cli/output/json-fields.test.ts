import { describe, expect, test } from "vitest";
import { isGroup } from "../../../../src/cli/args/command-spec.js";
import { isJsonFlag } from "../../../../src/cli/args/json-flag.js";
import { loadAllCommands } from "../../../../src/cli/commands/all.js";

const commands = (await loadAllCommands()).flatMap((entry) =>
  isGroup(entry)
    ? entry.commands.map((spec) => ({ path: `${entry.name} ${spec.name}`, spec }))
    : [{ path: entry.name, spec: entry }],
);
const withFields = commands.flatMap(({ path, spec }) =>
  Object.values(spec.flags)
    .filter(isJsonFlag)
    .map(({ fields }) => ({ path, fields })),
);

describe("the fields of the JSON", () => {
  test("can be picked in every command that lists or shows", () => {
    const lists = commands.filter(({ spec }) => /^(list|get|show|status|check)$/.test(spec.name)).map(({ path }) => path);
    expect(withFields.map(({ path }) => path)).toEqual(expect.arrayContaining(lists.filter((path) => path !== "db check")));
  });

  test("are those of docs/json.md: `npm run docs:json` writes it", async () => {
    const resources = [...new Set(withFields.map(({ fields }) => fields))].map((fields) => {
      const users = withFields.filter((command) => command.fields === fields).map(({ path }) => `\`whcb ${path}\``);
      const rows = Object.entries(fields).map(([name, summary]) => `| \`${name}\` | ${summary} |`);
      return `## ${users.join(", ")}\n\n| field | |\n| --- | --- |\n${rows.join("\n")}\n`;
    });
    const text = `# JSON

Which fields \`-o json\` prints, and what they mean. \`npm run docs:json\` writes this file from the declarations that the commands use, and a test keeps it current. Fields may be added
([stability.md](stability.md)).

\`-o json\` prints all fields: a list as an array, one thing as an object. \`whcb status\` prints \`service\` and \`callbacks\`, an array with
the fields below, and \`whcb config get\` gives the \`value\` of each field and where it came \`from\`. \`-o ndjson\` prints one object per line
(\`whcb runs show\`: one per call). Every field is always present; null means unknown, or none. Dates are ISO 8601 in UTC, unless the field
says otherwise.

\`--json id,status\` prints only these fields, in this order; with \`-o ndjson\` one object per line. \`--json\` without a value lists the fields
of the command and does nothing else.

${resources.join("\n")}`;
    await expect(text).toMatchFileSnapshot("../../../../docs/json.md");
  });
});
