#!/usr/bin/env bash
# Tries build/deb/whcb_….deb on a new Debian that systemd has booted: installed, used, upgraded, removed and purged.
# By root, with debootstrap, lintian and systemd-container: npm run try:deb [-- <root folder>]. A root folder that is named is kept.
set -euo pipefail
folder=$(dirname "$0")
package=$(ls "$folder"/../../build/deb/whcb_*.deb)
. "$folder/check.sh"
[ "$$" -eq 1 ] || in_root "$0" systemd,man-db,bash-completion,zsh,fish --mount-proc "$@"

root=$1
check "lintian finds no errors" "^none$" bash -c "lintian --allow-root --tag-display-limit 0 --fail-on error '$package' && echo none"

# What an earlier try left in a root folder that was kept.
chroot "$root" sh -c 'dpkg --purge whcb; userdel --remove ada; rm -r /var/lib/whcb' > /dev/null 2>&1 || true

# A later version, with nothing else changed.
next=$(mktemp -d)
dpkg-deb --raw-extract "$package" "$next/root"
sed -i 's/^Version: .*/Version: 99.0.0-1/' "$next/root/DEBIAN/control"
dpkg-deb -Znone --build "$next/root" "$root/root/next.deb" > /dev/null
rm -rf "$next"
cp "$package" "$root/root/whcb.deb"

# systemd needs version 2 of cgroups, which a mount of our own has on every system, and a group of its own there.
umount -R /sys/fs/cgroup 2> /dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /sys/fs/cgroup/whcb-try
echo 1 > /sys/fs/cgroup/whcb-try/cgroup.procs
systemd-nspawn --quiet --directory="$root" --boot --private-network --register=no --keep-unit --console=pipe > "$root/root/boot.log" 2>&1 < /dev/null &
nspawn=$!
for _ in {1..300}; do system=$(pgrep --parent "$nspawn" --exact systemd) && [ -S "$root/run/systemd/private" ] && break; sleep 0.1; done

# try <title> <what the output must match> <script>: runs the script there, as root.
try() {
  check "$1" "$2" nsenter --target "$system" --all env -i HOME=/root PATH=/usr/sbin:/usr/bin TERM=xterm LC_ALL=C.UTF-8 bash -c "cd; $3"
}
listening='for _ in {1..300}; do journalctl --unit whcb --since "$(systemctl show --value -p ActiveEnterTimestamp whcb)" | grep Listening && break; sleep 0.1; done'
five='for _ in {1..100}; do runuser -l ada -c "whcb status" | grep "5 failed calls" && break; sleep 0.2; done'

try "systemd has booted" "^(running|degraded)$" 'systemctl is-system-running --wait'
try "apt installs it, and its demo" "^every count is right$" 'apt-get install --quiet --yes ./whcb.deb && whcb demo'
try "which starts nothing" "^inactive$" 'systemctl is-active whcb'
try "only root can read the service's environment" "^640 root root$" 'stat -c "%a %U %G" /etc/whcb/whcb.env'
try "only the service can read its data" "^700 whcb whcb$" 'stat -c "%a %U %G" /var/lib/whcb'
try "manual page" "whcb-status +- +show what is failing" 'man -P cat whcb-status'
try "completion in bash" "^complete -F _whcb whcb" '. /usr/share/bash-completion/bash_completion; _comp_load whcb; complete -p whcb'
try "completion in zsh" "^_whcb$" "zsh -fc 'autoload -U compinit; compinit -u; echo \$_comps[whcb]'"
try "completion in fish" "^status" 'fish -c "complete -C \"whcb stat\""'
try "the service starts" "Listening on http://127.0.0.1:8787" "systemctl enable --now whcb; $listening"
try "its user has a profile" "^no callbacks yet" 'runuser -u whcb -- env HOME=/var/lib/whcb whcb status'
try "another user gets an account, and logs in" "^profile .* works with http://127.0.0.1:8787" '
  useradd --create-home --shell /bin/bash ada
  export WHCB_USERNAME=ada WHCB_PASSWORD="correct horse battery staple"
  WHCB_API_KEY=$(WHCB_NEW_PASSWORD=$WHCB_PASSWORD runuser -u whcb -- env HOME=/var/lib/whcb whcb users add ada -o json | sed -n "s/.*\"apiKey\": *\"\([^\"]*\)\".*/\1/p")
  sleep 1 # The service reads its users at most twice a second.
  export WHCB_API_KEY; runuser -u ada -- env HOME=/home/ada whcb login http://127.0.0.1:8787'
try "calls fail, and status says so" "5 failed calls" "
  setsid runuser -u ada -- env HOME=/home/ada whcb listen --port 9000 --status 503 > listen.log 2>&1 &
  for _ in {1..300}; do grep -q Listening listen.log && break; sleep 0.1; done
  WHCB_CALLBACK_KEY=key runuser -w WHCB_CALLBACK_KEY -l ada -c 'whcb callbacks create --name demo --url http://127.0.0.1:9000/hook --email ops@example.com && whcb trigger demo -n 5'
  $five"
try "an upgrade keeps the settings" "^SERVE_FLAGS=--log-level info$" '
  echo "SERVE_FLAGS=--log-level info" >> /etc/whcb/whcb.env; dpkg -i next.deb > upgrade.log 2>&1; cat upgrade.log; tail -1 /etc/whcb/whcb.env'
try "and restarts the service, with its data" "5 failed calls" "cat upgrade.log; $listening; $five"
try "it has those settings" "serve --log-level info" "tr '\\0' ' ' < /proc/\$(systemctl show --value -p MainPID whcb)/cmdline"
try "it is in its sandbox" "^Seccomp:.*2 NoNewPrivs:.*1 CapBnd:.*0000000000000000$" '
  echo $(grep -hE "^(Seccomp|NoNewPrivs|CapBnd):" /proc/$(systemctl show --value -p MainPID whcb)/status | sort -r)'
try "it stops by itself" "^Result=success$" 'systemctl stop whcb; systemctl show -p Result whcb'
try "a removal stops the service" "^inactive$" 'systemctl start whcb; dpkg -r whcb; systemctl is-active whcb'
try "and keeps data and settings" "^/etc/whcb/whcb.env /var/lib/whcb/whcb.db /var/lib/whcb/whcb.db.key$" 'echo $(ls /etc/whcb/whcb.env /var/lib/whcb/whcb.db{,.key})'
try "a new installation finds them" "5 failed calls" "dpkg -i whcb.deb; systemctl start whcb; $listening; $five"
try "a purge says what it keeps" "/var/lib/whcb, with the database and its key, is kept" 'dpkg -P whcb'
try "and removes the rest" "^/var/lib/whcb$" 'echo $(find / -xdev -name "whcb*" -not -path "/root/*" -not -path "/home/*" -not -path "/var/cache/man/*" -not -path "/var/lib/whcb/*")'
try "systemd has no complaint about it" "^none$" 'journalctl --boot --priority warning | grep whcb || echo none'

kill -RTMIN+4 "$system" # which is how systemd is asked to power off
wait "$nspawn"
echo 1 > /sys/fs/cgroup/cgroup.procs
find /sys/fs/cgroup/whcb-try -depth -type d -delete
exit "$failed"
