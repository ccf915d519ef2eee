#!/bin/sh
# A tree of six that does what it can to get away: a child, a grandchild in a session of its own, a double fork, one that is
# adopted by somebody else and has an emptied environment, one that ignores SIGTERM. Their pids go into the file $1, this one's
# first; "escaped" is said once all six are there.
pids=$1
echo $$ > "$pids"
sh -c 'echo $$ >> "$0"; exec sleep 1000' "$pids" &
setsid sh -c 'echo $$ >> "$0"; exec sleep 1000' "$pids" &
(setsid sh -c 'echo $$ >> "$0"; exec sleep 1000' "$pids" &)
(env -i PATH="$PATH" setsid sh -c 'echo $$ >> "$0"; exec sleep 1000' "$pids" &)
sh -c 'trap "" TERM; echo $$ >> "$0"; exec sleep 1000' "$pids" &
while [ "$(wc -l < "$pids")" -lt 6 ]; do sleep 0.01; done
echo escaped
wait
