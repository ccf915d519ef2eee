#!/bin/sh
# A leader that ignores TERM, and one descendant in each of five ways to escape the end. Each prints its way and its pid, and shows the
# token ($1, a number of seconds such as 300.123) on its command line, by which a census of the machine finds it.
sh -c 'echo "plain $$"; exec sleep "$0"' "$1" &
setsid sh -c 'echo "setsid $$"; exec sleep "$0"' "$1" &
sh -c '(setsid sh -c "echo double-fork \$\$; exec sleep $0" &)' "$1"
sh -c 'trap "" TERM; echo "ignores-term $$"; while :; do sleep "$0"; done' "$1" &
setsid sh -c 'trap "" TERM; echo "setsid-ignores-term $$"; while :; do sleep "$0"; done' "$1" &
trap '' TERM
echo "leader $$"
while :; do sleep "$1"; done
