#!/usr/bin/env bash
# Install loco into a virtual environment of its own. A second time in a job it is there already.
set -euo pipefail

from=${LOCO_INSTALL:-$(cd "$GITHUB_ACTION_PATH/../.." && pwd)}
venv=$RUNNER_TEMP/loco
if [ "$(cat "$venv/from" 2>/dev/null)" != "$from" ]; then
  if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "::error title=loco::Python 3.11 or later is needed: put actions/setup-python before this step"
    exit 1
  fi
  python3 -m venv --clear "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$from"
  printf %s "$from" >"$venv/from"
fi
echo "$venv/bin" >>"$GITHUB_PATH"
echo "loco $("$venv/bin/loco" --version), from $from"
