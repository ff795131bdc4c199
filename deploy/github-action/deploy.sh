#!/usr/bin/env bash
# Deploy the folder. The number and the URL become outputs; the summary says what is live, or why it is not.
# What is live already is a success: nothing changes, and the outputs are those of what is live.
set -euo pipefail

cd "$LOCO_FOLDER"
words=$(xargs -r -n 1 printf '%s\n' <<<"$LOCO_ARGS")
args=(${LOCO_TEAM:+--team "$LOCO_TEAM"} ${LOCO_APP:+--app "$LOCO_APP"})
shown=("${args[@]}")
[ -z "$words" ] || while IFS= read -r word; do args+=("$word"); done <<<"$words"

# What an app or a build says is shown, and is not obeyed: the runner takes lines that begin with :: as commands. All of it
# goes to stdout, because the runner reads stderr beside it, in no order that could be relied on.
scratch=$(mktemp -d "$RUNNER_TEMP/loco-deploy.XXXXXX")
quiet=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$quiet"
code=0
{ env -u GITHUB_ACTIONS loco deploy "${args[@]}" 2>&1 >&3 | tee "$scratch/screen"; } 3>"$scratch/result" || code=$?
cat "$scratch/result"
echo "::$quiet::"

# Which one it is stands first: `v12 of shop (team acme)` on the way, `v12 is live …` in the end.
number=$(sed -n 's/^\(v[0-9][0-9]*\) .*/\1/p' "$scratch/result" "$scratch/screen" | head -n 1)
url=
if [ "$code" = 0 ] && [ -n "$number" ]; then
  url=$(loco deployments show "$number" "${shown[@]}" --json | python3 -c '
import json, sys
print(next(iter(json.loads(sys.stdin.read().splitlines()[-1])["result"]["deployment"]["urls"]), ""))')
fi
printf 'deployment=%s\nurl=%s\n' "$number" "$url" >>"$GITHUB_OUTPUT"

as_html() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }
{
  if [ "$code" = 0 ]; then
    echo "### ${LOCO_APP:-loco}: ${number:-done}${url:+ at <$url>}"
    printf '\n<pre>\n%s\n</pre>\n' "$(as_html <"$scratch/result")"
  else
    echo "### ${LOCO_APP:-loco}: ${number:+$number }was not deployed (exit code $code)"
    # From the error on; all of it, where there is none.
    screen=$(sed -n '/^error: /,$p' "$scratch/screen")
    printf '\n<pre>\n%s\n</pre>\n' "$(as_html <<<"${screen:-$(<"$scratch/screen")}")"
  fi
} >>"$GITHUB_STEP_SUMMARY"
if [ "$code" != 0 ]; then
  why=$(sed -n 's/^error: //p' "$scratch/screen" | head -n 1)
  echo "::error title=loco deploy::$(sed 's/%/%25/g' <<<"${why:-exit code $code}")"
fi
rm -rf "$scratch"
exit "$code"
