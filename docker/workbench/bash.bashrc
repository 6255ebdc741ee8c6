# The learner's interactive shell. The user may be any number without a name: nothing here asks for one.
case $- in *i*) ;; *) return ;; esac

shopt -s checkwinsize histappend
HISTCONTROL=ignoreboth
HISTSIZE=5000
HISTFILE=$HOME/.bash_history

# Where, and a red mark after a command that failed. Each command is kept at once, so that every shell of the seat has it.
PROMPT_COMMAND='__labs_status=$?; history -a'
PS1='\[\e[1;32m\]${LABS_PROMPT:-labs}\[\e[0m\] \[\e[1;34m\]\w\[\e[0m\] $(((__labs_status)) && printf "\001\e[1;31m\002%s " "$__labs_status")\[\e[0m\]\$ '
[ -z "${NO_COLOR:-}" ] || PS1='${LABS_PROMPT:-labs} \w $(((__labs_status)) && printf "%s " "$__labs_status")\$ '
if [ -z "${NO_COLOR:-}" ]; then
  alias ls='ls --color=auto' grep='grep --color=auto' ip='ip --color=auto'
fi
alias ll='ls -l' la='ls -A'

[ ! -r /usr/share/bash-completion/bash_completion ] || . /usr/share/bash-completion/bash_completion
