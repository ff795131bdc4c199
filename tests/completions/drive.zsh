# zsh -f drive.zsh FOLDER OUT: completes each line of stdin in a zsh of its own, at a terminal, as TAB does.
# What it offers goes to OUT, a word a line, and --end after each.
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; unsetopt beep; fpath=($1 \$fpath); autoload -Uz compinit; compinit -D -u"
zpty -w shell 'offered() {
  compadd() {
    if [[ "${(@)argv[1,(i)(-|--)]}" != *-[OAD]* ]]; then
      local -a hits
      builtin compadd -O hits "$@"
      print -rl -- $hits >>'$2'
    fi
    builtin compadd "$@"
  }
  _main_complete
  unfunction compadd
  compstate[insert]= compstate[list]=
  print -r -- --end >>'$2'
}'
zpty -w shell 'zle -C offered complete-word offered; bindkey "^I" offered; print -r -- ready >>'$2
while [[ ! -s $2 ]]; do zpty -r -t shell said; done
: >$2
while IFS= read -r line; do
  ended=$(grep -c -- --end $2)
  zpty -w -n shell $'\C-U'"$line"$'\t'
  while [[ $(grep -c -- --end $2) == $ended ]]; do zpty -r -t shell said; done
done
zpty -d shell
