#!/usr/bin/env bash
# Sign in as the job that this is; the job needs `permissions: id-token: write`, the team a rule of `loco trust`.
set -euo pipefail

if [ -n "${LOCO_TOKEN:-}" ]; then
  echo "LOCO_TOKEN is set, and is used"
  exit 0
fi
cd "$LOCO_FOLDER"
loco login --server "$LOCO_SERVER" --ci ${LOCO_TEAM:+--team "$LOCO_TEAM"} ${LOCO_APP:+--app "$LOCO_APP"}
