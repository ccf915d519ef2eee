#!/bin/sh
# Says something, closes stdout and stderr, lives a moment longer, and exits with 5.
echo before
echo 'and here' >&2
exec >&- 2>&-
sleep 0.4
exit 5
