#!/bin/sh
# A leader and one descendant of each of six kinds that escape some way of being found. Each prints its kind and its pid.
sh -c 'echo "plain $$"; exec sleep 300' &
setsid sh -c 'echo "setsid $$"; exec sleep 300' &
sh -c '(setsid sh -c "echo double-fork \$\$; exec sleep 300" &)'
sh -c 'trap "" TERM; echo "ignores-term $$"; while :; do sleep 1; done' &
setsid sh -c 'trap "" TERM; echo "setsid-ignores-term $$"; while :; do sleep 1; done' &
sh -c '(setsid env -i /bin/sh -c "echo emptied-environment \$\$; exec sleep 300" &)'
echo "leader $$"
wait
