#!/bin/sh
# On SIGTERM it takes its time ($1 seconds), and ends well.
trap 'sleep "$1"; exit 0' TERM
echo ready
while :; do sleep 0.05; done
