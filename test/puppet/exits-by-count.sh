#!/bin/sh
# Each life enters itself into a ledger ($1), lives for a moment ($2 seconds) and exits with a code that follows from its number.
n=$(($(wc -l <"$1" 2>/dev/null || echo 0)))
code=$((1 + n % 199))
echo "$n $$ $code" >>"$1"
sleep "$2"
exit "$code"
