# The project's own virtual environment, made or brought up to date; sourced by the scripts beside it.
# Installed again only when pyproject.toml is another than the last time.
venv="$root/.venv"
stamp="$venv/.loco-pyproject"
if ! cmp -s "$root/pyproject.toml" "$stamp" 2>/dev/null; then
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$root[$extras]" 2>"$venv/pip.log" ||
    { cat "$venv/pip.log" >&2; exit 1; }
  cp "$root/pyproject.toml" "$stamp"
fi
PATH="$venv/bin:$PATH"
