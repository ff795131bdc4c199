# bash --norc drive.bash FILE: completes each line of stdin as readline would cut it; the words offered, and --end after each.
source "$1"
while IFS= read -r line; do
  read -r -a words <<<"${line//=/ = }"
  case $line in *' ' | *=) words+=('') ;; esac
  if [[ $line == *= ]]; then unset 'words[${#words[@]}-1]'; fi
  COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1))
  _loco
  printf '%s\n' "${COMPREPLY[@]}" --end
done
