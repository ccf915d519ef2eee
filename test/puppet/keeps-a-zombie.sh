#!/bin/sh
# Its child ends, and it never asks how: a zombie for as long as it lives. Orphans come and go beside it.
true &
(while :; do (setsid true &); sleep 0.02; done) &
exec sleep 1000
