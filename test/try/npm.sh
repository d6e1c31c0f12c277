#!/usr/bin/env bash
# Tries what `npm pack` makes: installed in an empty folder, and used by somebody who has no settings. npm run try:npm, with the npm registry.
set -euo pipefail
. "$(dirname "$0")/check.sh"
work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" > /dev/null
mkdir "$work/home"
files=$(tar -tf "$work"/whcb-*.tgz | sed 's/^package\///' | sort)

# try <title> <what the output must match> <script>: runs the script with the installed command, in an empty home.
try() {
  check "$1" "$2" env -i HOME="$work/home" PATH="$work/prefix/bin:$PATH" WHCB_CALLBACK_KEY=key bash -c "cd; $3"
}

check "it has what is run, its manual pages, and what operations need" \
  "^CHANGELOG.md LICENSE README.md bin/ dist/ man/ ops/ package.json$" bash -c "echo \$(sed 's/\/.*/\//' <<< '$files' | uniq)"
check "npm installs it" "^added [0-9]+ packages in " npm install --global --loglevel=warn --prefix "$work/prefix" "$work"/whcb-*.tgz
try "version" "^[0-9]+\.[0-9]+\.[0-9]+$" 'whcb --version'
try "all its manual pages are found" "^$(grep -c '^man/' <<< "$files")$" "find '$work/prefix/share/man/man1' -name 'whcb*.1' | wc -l"
try "demo" "^every count is right$" 'whcb demo'
(cd "$work/home" && HOME=$PWD exec "$work/prefix/bin/whcb" serve --port 18787 --db x.db > serve.log 2>&1) &
(cd "$work/home" && HOME=$PWD exec "$work/prefix/bin/whcb" listen --port 19000 --status 503 > listen.log 2>&1) &
try "serve" "^Listening on " 'for _ in {1..300}; do grep -q Listening listen.log && grep Listening serve.log && break; sleep 0.1; done'
try "status" "5 failed calls" '
  whcb callbacks create --name demo --url http://127.0.0.1:19000/hook --email ops@example.com && whcb trigger demo -n 5
  for _ in {1..100}; do whcb status | grep "5 failed calls" && break; sleep 0.2; done'
exit "$failed"
