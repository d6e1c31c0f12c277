#!/usr/bin/env bash
# Tries a clone, and what `npm pack` makes, on an empty Debian with git and the Node of this machine: installed and used by a user who isn't root.
# By root, with debootstrap and the npm registry: npm run try:npm [-- <root folder>]. A root folder that is named is kept for the next time.
set -euo pipefail
. "$(dirname "$0")/check.sh"
# The driver for SQLite of Node 20 may have to be compiled.
tools=git,ca-certificates driver='npm install --no-save better-sqlite3@13'
if [ "$(node -p process.versions.napi)" -lt 10 ]; then tools+=,python3,make,g++ driver=true; fi
[ "$$" -eq 1 ] || in_root "$0" "$tools" "" "$@"

root=$1
new_user "$root"
node=$(node -p process.execPath)
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
mkdir -p "$root"/usr/local/{include,lib/node_modules}
cp "$node" "$root/usr/local/bin/node"
cp -r "$npm" "$root/usr/local/lib/node_modules"
cp -r "${node%/bin/node}/include/node" "$root/usr/local/include"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
cp /etc/resolv.conf "$root/etc"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs"
rm -f "$root"/srv/whcb*
git bundle create --quiet "$root/srv/whcb.bundle" HEAD
npm pack --silent --pack-destination "$root/srv" > /dev/null
files=$(tar -tf "$root"/srv/whcb-*.tgz | sed 's/^package\///' | sort)

# try <title> <what the output must match> <script>: runs the script as ada, who installs commands in her home.
try() {
  check "$1" "$2" as_ada "$root" "$3" npm_config_prefix=/home/ada npm_config_nodedir=/usr/local \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt WHCB_CALLBACK_KEY=key
}

check "the package has what is run, its manual pages, and what operations need" \
  "^CHANGELOG.md LICENSE README.md bin/ dist/ man/ ops/ package.json$" bash -c "echo \$(sed 's/\/.*/\//' <<< '$files' | uniq)"
try "the package installed, and its demo" "^every count is right$" 'npm install --global /srv/whcb-*.tgz && whcb demo'
try "git clone, npm ci and npm run demo" "^every count is right$" "git clone /srv/whcb.bundle clone && cd clone && npm ci && $driver && npm run demo"
try "version" "^[0-9]+\.[0-9]+\.[0-9]+$" 'whcb --version'
try "all its manual pages are found" "^$(grep -c '^man/' <<< "$files")$" "find share/man/man1 -name 'whcb*.1' | wc -l"
try "serve" "^Listening on " '
  setsid whcb serve --port 18787 --db x.db > serve.log 2>&1 &
  setsid whcb listen --port 19000 --status 503 > listen.log 2>&1 &
  for _ in {1..300}; do grep -q Listening listen.log && grep Listening serve.log && break; sleep 0.1; done'
try "status" "5 failed calls" '
  whcb callbacks create --name demo --url http://127.0.0.1:19000/hook --email ops@example.com && whcb trigger demo -n 5
  for _ in {1..100}; do whcb status | grep "5 failed calls" && break; sleep 0.2; done'
try "the clone as a command, and its demo" "^every count is right$" 'npm install --global ./clone && whcb demo'
exit "$failed"
