# in_root <script> <packages> <flags of unshare> [root folder]: runs the script as process 1, with the folder of a Debian that has these packages
# besides the least. A folder that is named is kept for the next time.
in_root() {
  local script=$1 packages=$2 flags=$3
  root=${4-}
  if [ -z "$root" ]; then
    root=$(mktemp -d)
    trap 'rm -rf --one-file-system "$root"' EXIT
  fi
  mkdir -p "$root"
  chmod 755 "$root" # Other users work in it.
  [ -d "$root/home" ] || debootstrap --variant=minbase ${packages:+"--include=$packages"} trixie "$root" > /dev/null
  # The mounts and the processes of what follows end with it.
  unshare --mount --pid --fork $flags bash "$script" "$root"
  exit
}

# new_user <root folder>: makes the user ada, with an empty home and what each program expects.
new_user() {
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  chroot "$1" id ada > /dev/null 2>&1 || chroot "$1" useradd --create-home --shell /bin/bash ada
  find "$1/home/ada" -mindepth 1 -delete
}

# as_ada <root folder> <script> [variable…]: runs the script as ada, in her home. What she installs is in her folder bin.
as_ada() {
  local root=$1 script=$2
  shift 2
  chroot --userspec=ada:ada "$root" env -i HOME=/home/ada PATH=/home/ada/bin:/usr/local/bin:/usr/bin:/bin TERM=xterm "$@" bash -c "cd; $script"
}

# check <title> <what the output must match> <command>…: sets `failed` if it doesn't.
failed=0
check() {
  local title=$1 wanted=$2 began=$EPOCHREALTIME output seconds
  shift 2
  output=$("$@" 2>&1 < /dev/null) || true
  seconds=$(printf '%.1f' "$(echo "$EPOCHREALTIME $began" | awk '{ print $1 - $2 }')")
  if grep --quiet --extended-regexp -e "$wanted" <<< "$output"; then
    echo "ok      ${seconds}s  $title"
  else
    echo "FAILED  ${seconds}s  $title"
    echo "$output"
    failed=1
  fi
}
