#!/usr/bin/env bash
# Tries build/executable/whcb as its users have it: on an empty Debian without Node, without a network, as a user who isn't root.
# By root, with debootstrap: npm run try:executable [-- <root folder>]. A root folder that is named is kept for the next time.
set -euo pipefail
folder=$(dirname "$0")
. "$folder/check.sh"
[ "$$" -eq 1 ] || in_root "$0" "" --net "$@"

root=$1
ip link set lo up
new_user "$root"
install -m 755 "$folder/../../build/executable/whcb" "$root/srv/whcb"

# try <title> <what the output must match> <script>: runs the script as ada.
try() {
  check "$1" "$2" as_ada "$root" "$3"
}

try "there is no Node" "^none$" 'command -v node npm || echo none'
try "nothing is reached from here" "^offline$" 'timeout 3 bash -c "< /dev/tcp/192.0.2.1/80" 2> /dev/null || echo offline'
try "copied, and its demo" "^every count is right$" 'mkdir bin; cp /srv/whcb bin; whcb demo'
try "version" "^[0-9]+\.[0-9]+\.[0-9]+$" 'whcb --version'
try "its native module is in a folder of its own" "^700 1 600$" 'cd .cache/whcb && echo "$(stat -c %a .) $(ls | wc -l) $(stat -c %a *)"'
try "serve" "^Listening on " '
  setsid whcb serve --db x.db > serve.log 2>&1 &
  setsid whcb listen --port 9000 --status 503 > listen.log 2>&1 & echo $! > listen.pid
  for _ in {1..300}; do grep -q Listening serve.log && grep -q Listening listen.log && break; sleep 0.1; done
  cat serve.log'
try "200 calls fail" "^ *200 failed calls" '
  WHCB_CALLBACK_KEY=key whcb callbacks create --name demo --url http://127.0.0.1:9000/hook --email ops@example.com && whcb trigger demo -n 200
  for _ in {1..100}; do whcb status | grep "200 failed" && break; sleep 0.2; done'
try "triage, in a terminal" "failed calls of demo, by status code" '(sleep 4; printf q) | script -qec "whcb triage demo" /dev/null'
try "completion in bash" "^demo" 'eval "$(whcb completion bash)"; COMP_LINE="whcb replay d" COMP_POINT=13; _whcb; printf "%s\n" "${COMPREPLY[@]}"'
try "replay" "^ +marked +200$" '
  kill "$(cat listen.pid)"; setsid whcb listen --port 9000 > listen.log 2>&1 &
  for _ in {1..300}; do grep -q Listening listen.log && break; sleep 0.1; done
  whcb replay demo --failed --yes'
try "the console's files" "^HTTP/1.1 200" '
  exec 3<> /dev/tcp/127.0.0.1/8787; printf "GET /console/sign-in HTTP/1.1\r\nhost: 127.0.0.1:8787\r\nconnection: close\r\n\r\n" >&3
  path=$(grep -o "/console/assets/[^\"]*css" <&3 | head -1); exec 3<> /dev/tcp/127.0.0.1/8787
  printf "GET $path HTTP/1.1\r\nhost: 127.0.0.1:8787\r\nconnection: close\r\n\r\n" >&3; head -1 <&3'

mount --bind "$root/home/ada" "$root/home/ada"
rm -rf "$root/home/ada/.cache"
mount -o remount,bind,ro "$root/home/ada"
try "demo, with a home that is read-only" "^every count is right$" 'whcb demo'
try "which leaves nothing in the temporary folder" "^none$" 'ls -d /tmp/whcb-* 2> /dev/null || echo none'
mount -t tmpfs -o noexec,mode=1777 tmpfs "$root/tmp"
try "neither place can be used: WHCB_CACHE_DIR is named" "hint: set WHCB_CACHE_DIR to " 'whcb demo'
try "with exit code 4" "^4$" 'whcb demo > /dev/null 2>&1; echo $?'
chroot "$root" install -d -o ada -g ada -m 700 /srv/cache
try "demo, with WHCB_CACHE_DIR" "^every count is right$" 'WHCB_CACHE_DIR=/srv/cache/whcb whcb demo'
umount "$root/home/ada"
try "demo, with a temporary folder that is mounted noexec" "^every count is right$" 'whcb demo'
exit "$failed"
