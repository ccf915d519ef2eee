#!/bin/sh
# Kills its whole process group, itself included; a child in another session remains.
setsid sleep 1000 &
sleep 1000 &
echo ready
sleep 0.5
kill -KILL 0
