# The project's own virtual environment, made or brought up to date; sourced by the scripts beside it.
#   extras=dev,postgres
# Installed again only when pyproject.toml is another than the last time with these extras.
venv="$root/.venv"
stamp="$venv/.loco-$extras"
if ! cmp -s "$root/pyproject.toml" "$stamp" 2>/dev/null; then
  if [ ! -x "$venv/bin/python" ]; then
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
      echo "Python 3.11 or later is needed, and python3 is $(python3 --version 2>&1 | cut -d' ' -f2)" >&2
      exit 1
    fi
    python3 -m venv "$venv"
  fi
  echo "installing loco's Python packages into ${venv#"$PWD"/}"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$root[$extras]" 2>"$venv/pip.log" ||
    { cat "$venv/pip.log" >&2; exit 1; }
  cp "$root/pyproject.toml" "$stamp"
fi
PATH="$venv/bin:$PATH"
