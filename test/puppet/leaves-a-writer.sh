#!/bin/sh
# Ends at once, and leaves a grandchild behind that holds its output open and goes on writing.
sh -c 'while :; do echo "still here"; sleep 0.02; done' &
echo 'last words'
exit 7
