#!/bin/sh
# Becomes a daemon as daemons do: forks twice, leaves its session, lets go of its output; the process that was started ends with 0.
(setsid sh -c 'echo "$$" >>daemons; exec sleep 1000' >/dev/null 2>&1 </dev/null &)
sleep 0.1
exit 0
