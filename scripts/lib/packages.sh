# Debian packages that are missing, installed without letting any of them start a service; sourced by the scripts beside it.
#   install_missing command:package …
install_missing() {
  local wanted=() pair
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || wanted+=("${pair##*:}")
  done
  [ ${#wanted[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "missing: ${wanted[*]} (on Debian, as root: apt-get install ${wanted[*]})" >&2
    return 1
  fi
  echo "installing ${wanted[*]}"
  # invoke-rc.d asks this file whether it may start a service; whoever put one there before keeps it.
  local policy=/usr/sbin/policy-rc.d ours=
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    ours=1
  fi
  local log
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${wanted[@]}"; } >"$log" 2>&1; then
    [ -z "$ours" ] || rm -f $policy
    tail -20 "$log" >&2
    return 1
  fi
  rm -f "$log"
  [ -z "$ours" ] || rm -f $policy
}
