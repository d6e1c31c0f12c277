/** Writes what CHANGELOG.md says of the version that GITHUB_REF_NAME names, such as v1.0.0. Fails if that isn't package.json's. */
import { readFileSync } from "node:fs";

const { GITHUB_REF_NAME: tag, GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env;
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
if (tag !== `v${version}`) throw new Error(`The tag is ${tag}, but package.json has version ${version}.`);
const [, ...sections] = readFileSync("CHANGELOG.md", "utf8").split(/^## /m);
const section = sections.find((text) => text.startsWith(`${version}\n`));
const notes = section?.slice(version.length).trim();
if (!notes) throw new Error(`CHANGELOG.md has no section ${version}.`);
// A release is shown outside the repository, where a relative link leads nowhere.
process.stdout.write(`${notes.replaceAll(/\]\((?!https?:)/g, `](${server}/${repository}/blob/${tag}/`)}\n`);
