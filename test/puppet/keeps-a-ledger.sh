#!/bin/sh
# Each life enters its pid and its cookie into ledger-<name>, says that it is ready, and lives.
echo "$$ $AZORA_COOKIE" >>"ledger-$1"
: >"ready-$1"
echo ready
exec sleep 1000
