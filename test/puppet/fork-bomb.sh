#!/bin/sh
# Two processes that each replace themselves by two more, until 200 were made; each refuses to die by TERM.
trap '' TERM
depth=${1:-7}
if [ "$depth" -gt 0 ]; then
  setsid "$0" $((depth - 1)) &
  "$0" $((depth - 1)) &
fi
echo "bomb $$"
while :; do sleep 1; done
