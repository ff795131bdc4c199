# A Docker engine: the one that answers, else one started here; sourced by the scripts beside it.

# Whether an engine answers. The API is asked, not a CLI: there may be none, or one that is too new or too old.
engine_answers() {
  local socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
  case $socket in
    unix://*) curl --silent --fail --max-time 5 --unix-socket "${socket#unix://}" http://docker/_ping >/dev/null 2>&1 ;;
    *) docker info >/dev/null 2>&1 ;;
  esac
}

# Start dockerd in a session of its own and write its pid to $1/dockerd.pid.
start_engine() {
  mkdir -p "$1"
  echo "starting dockerd (log: $1/dockerd.log)"
  rm -f /var/run/docker.pid
  setsid dockerd >"$1/dockerd.log" 2>&1 </dev/null &
  echo $! >"$1/dockerd.pid"
  for _ in $(seq 300); do
    engine_answers && return 0
    kill -0 "$(cat "$1/dockerd.pid")" 2>/dev/null || break
    sleep 0.1
  done
  echo "dockerd did not start:" >&2
  tail -5 "$1/dockerd.log" >&2
  return 1
}

# Stop the dockerd that start_engine started, if it still runs.
stop_engine() {
  [ -f "$1/dockerd.pid" ] || return 0
  local pid
  pid=$(cat "$1/dockerd.pid")
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
    kill "$pid"
    for _ in $(seq 200); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
  fi
  rm -f "$1/dockerd.pid"
}
