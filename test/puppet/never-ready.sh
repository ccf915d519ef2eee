#!/bin/sh
# Lives, and never says that it is ready.
echo still starting
exec sleep 1000
