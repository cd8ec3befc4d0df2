#!/bin/bash
# What game containers run: the start-up line of their egg.
#
# The node gives the line in STARTUP, with {{NAME}} where an egg variable belongs, and every variable in the
# environment. The line is shown once with its values and then replaces this script, so that a plain command is the
# direct child of the init process and gets its signals. Values are expanded once and never read as shell code.
cd "${HOME:-/home/container}" 2>/dev/null || cd /home/container || exit 1
export HOME=$PWD TZ=${TZ:-UTC}

# The container's own IPv4 address, for games that have to name one.
INTERNAL_IP=127.0.0.1
for address in $(hostname -i 2>/dev/null); do
    case $address in *:*) ;; *) INTERNAL_IP=$address; break ;; esac
done
export INTERNAL_IP

if [ -z "${STARTUP:-}" ]; then
    echo "There is nothing to start: STARTUP is empty." >&2
    exit 64
fi

# From the last placeholder to the first, as the pattern takes the longest beginning it can.
placeholder='^(.*)\{\{[[:space:]]*([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*\}\}(.*)$'
rest=$STARTUP run= shown=
while [[ $rest =~ $placeholder ]]; do
    rest=${BASH_REMATCH[1]} name=${BASH_REMATCH[2]}
    run="\${$name}${BASH_REMATCH[3]}$run"
    shown="${!name-}${BASH_REMATCH[3]}$shown"
done

printf '\033[1m\033[33mcontainer:%s$ \033[0m%s\n' "$PWD" "$rest$shown"
exec /bin/bash -c "$rest$run"
