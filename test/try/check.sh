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
