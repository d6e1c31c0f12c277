/** Builds build/deb/whcb_….deb of debian/, the executable and the manual pages: `npm run build:deb`, with Debian's dpkg-dev. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

const EXECUTABLE = "build/executable";
const PACKAGES = "build/deb";
const COMPLETIONS = {
  bash: "bash-completion/completions/whcb",
  zsh: "zsh/vendor-completions/_whcb",
  fish: "fish/vendor_completions.d/whcb.fish",
};

// The same commit gives the same package, with the same Node and driver.
process.env.SOURCE_DATE_EPOCH ||= run("git", "log", "-1", "--format=%ct").trim();
run("npm", "run", "--silent", "build:executable");

const version = `${JSON.parse(readFileSync("package.json", "utf8")).version}-1`;
const work = mkdtempSync(join(tmpdir(), "whcb-deb-"));
const root = join(work, "root");
try {
  addProgram();
  addDocuments();
  addControlFiles();
  rmSync(PACKAGES, { recursive: true, force: true });
  mkdirSync(PACKAGES, { recursive: true });
  process.stdout.write(run("dpkg-deb", "--root-owner-group", "--build", root, PACKAGES));
} finally {
  rmSync(work, { recursive: true, force: true });
}

function addProgram() {
  copy(`${EXECUTABLE}/whcb`, "usr/bin/whcb", 0o755);
  copy("debian/whcb.service", "usr/lib/systemd/system/whcb.service");
  copy("debian/sysusers.conf", "usr/lib/sysusers.d/whcb.conf");
  copy("debian/whcb.env", "etc/whcb/whcb.env", 0o640);
  for (const [shell, path] of Object.entries(COMPLETIONS)) {
    add(`usr/share/${path}`, run(`${EXECUTABLE}/whcb`, "completion", shell));
  }
}

function addDocuments() {
  for (const page of readdirSync("man")) add(`usr/share/man/man1/${page}.gz`, compress(readFileSync(join("man", page))));
  const licences = ["LICENSE", "THIRD-PARTY-NOTICES"].map((name) => readFileSync(join(EXECUTABLE, name), "utf8"));
  add("usr/share/doc/whcb/copyright", licences.join("\n"));
  add("usr/share/doc/whcb/changelog.gz", compress(readFileSync("CHANGELOG.md")));
  add("usr/share/doc/whcb/changelog.Debian.gz", compress(debianChangelog()));
  for (const path of ["grafana/whcb.json", "prometheus/rules.yml"]) copy(`ops/${path}`, `usr/share/doc/whcb/examples/${path}`);
  copy("debian/lintian-overrides", "usr/share/lintian/overrides/whcb");
}

function addControlFiles() {
  for (const script of ["postinst", "prerm", "postrm"]) copy(`debian/${script}`, `DEBIAN/${script}`, 0o755);
  const files = run("find", root, "-type", "f", "-not", "-path", "*/DEBIAN/*", "-printf", "%P\n").trim().split("\n").sort();
  add("DEBIAN/conffiles", lines(files.filter((path) => path.startsWith("etc/")).map((path) => `/${path}`)));
  add("DEBIAN/md5sums", lines(files.map((path) => `${md5(join(root, path))}  ${path}`)));
  const changelog = join(work, "changelog");
  const variables = join(work, "substvars");
  writeFileSync(changelog, debianChangelog());
  run("dpkg-shlibdeps", "--warnings=0", `-T${variables}`, join(root, "usr/bin/whcb"), unpackedModule());
  run("dpkg-gencontrol", "-pwhcb", `-l${changelog}`, `-T${variables}`, `-f${join(work, "files")}`, `-P${root}`);
}

/** Returns the binary that the executable unpacks, which may need later libraries than Node. */
function unpackedModule() {
  const cache = join(work, "cache");
  execFileSync(`${EXECUTABLE}/whcb`, ["demo"], { env: { ...process.env, WHCB_CACHE_DIR: cache }, stdio: "pipe" });
  return join(cache, readdirSync(cache)[0]);
}

function debianChangelog() {
  const date = run("date", "--utc", "--rfc-email", `--date=@${process.env.SOURCE_DATE_EPOCH}`).trim();
  const [, maintainer] = /^Maintainer: (.*)$/m.exec(readFileSync("debian/control", "utf8"));
  return `whcb (${version}) unstable; urgency=medium\n\n  * This release: its changes are in changelog.gz.\n\n -- ${maintainer}  ${date}\n`;
}

function copy(from, path, mode = 0o644) {
  add(path, readFileSync(from), mode);
}

/** Modes don't depend on the umask of who builds. */
function add(path, content, mode = 0o644) {
  const to = join(root, path);
  run("install", "-d", "-m", "755", dirname(to));
  writeFileSync(to, content);
  run("chmod", mode.toString(8), to);
}

function compress(content) {
  return gzipSync(content, { level: 9 });
}

function lines(texts) {
  return texts.map((text) => `${text}\n`).join("");
}

function md5(path) {
  return createHash("md5").update(readFileSync(path)).digest("hex");
}

function run(command, ...args) {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}
