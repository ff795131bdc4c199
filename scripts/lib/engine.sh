# A Docker engine: the one that answers, else one started here; sourced by the scripts beside it.
# The API is asked with curl, not with a docker CLI: there may be none, or one that is too new or too old.

engine_socket=${DOCKER_HOST:-unix:///var/run/docker.sock}

# Ask the engine: engine_api PATH [curl's arguments …]
engine_api() {
  local path=$1
  shift
  case $engine_socket in
    unix://*) curl --silent --show-error --unix-socket "${engine_socket#unix://}" "$@" "http://docker$path" ;;
    tcp://*) curl --silent --show-error "$@" "http://${engine_socket#tcp://}$path" ;;
    *) echo "DOCKER_HOST=$engine_socket: only unix:// and tcp:// are understood here" >&2; return 1 ;;
  esac
}

engine_answers() {
  engine_api /_ping --fail --max-time 5 >/dev/null 2>&1
}

engine_has_image() {
  engine_api "/images/$1/json" --fail --output /dev/null 2>/dev/null
}

# Start dockerd in a session of its own and write its pid to $1/dockerd.pid.
start_engine() {
  mkdir -p "$1"
  echo "starting dockerd (log: $1/dockerd.log)"
  rm -f /var/run/docker.pid
  local where=()
  [ -z "${DOCKER_HOST:-}" ] || where=(--host "$engine_socket")
  setsid dockerd "${where[@]}" >"$1/dockerd.log" 2>&1 </dev/null &
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
