#!/bin/sh
# Does not end on SIGTERM, nor do its children.
trap '' TERM
echo deaf
while :; do
  sleep 1000
done
