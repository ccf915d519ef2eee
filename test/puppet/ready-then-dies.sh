#!/bin/sh
# Says that it is ready, and dies a moment later.
echo ready
sleep "${1:-0.3}"
echo "out of luck" >&2
exit 9
