#!/usr/bin/env bash
# Takes docs/boot.png: a real boot of Azora OS in a terminal of 100 columns, up to its summary. Needs tmux, aha, chromium,
# pngquant and optipng, and a colour emoji font (Debian: fonts-noto-color-emoji).
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
terminal=(tmux -L "azora-picture-$$" -f /dev/null)
finish() {
  bin/azora --state-dir "$work/state" down >/dev/null 2>&1 || true
  "${terminal[@]}" kill-server 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

screen() { "${terminal[@]}" capture-pane -p "$@"; }

AZORA_STATE_DIR=$work/state LANG=C.UTF-8 "${terminal[@]}" new-session -d -x 100 -y 120 "exec bash --norc"
"${terminal[@]}" send-keys "PS1='\$ '; clear" Enter
until [ "$(screen | head -1)" = '$' ]; do sleep 0.1; done
"${terminal[@]}" send-keys 'bin/azora up' Enter
for _ in $(seq 300); do
  screen | grep -q 'azora status ·' && break
  sleep 0.2
done
screen -e | sed '/azora status ·/q' > "$work/boot.ansi"
grep -q 'is ready after' "$work/boot.ansi" || { cat "$work/boot.ansi"; echo "it was not ready within a minute" >&2; exit 1; }

{
  echo '<meta charset="utf-8"><style>body { margin: 0; background: #161b22 }'
  echo 'pre { margin: 0; padding: 14px 18px; color: #e6edf3; font: 15px/1.38 "DejaVu Sans Mono", "Noto Color Emoji", monospace }</style>'
  echo "<pre>$(aha --black --no-header < "$work/boot.ansi" | sed 's/color:yellow/color:#d29922/g; s/color:lime/color:#3fb950/g; s/color:\(aqua\|cyan\)/color:#56d4dd/g')</pre>"
} > "$work/boot.html"

lines=$(wc -l < "$work/boot.ansi")
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
  --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$work/chromium" \
  --window-size="960,$((lines * 21 + 29))" --force-device-scale-factor=1.5 --screenshot="$work/boot.png" "file://$work/boot.html" 2>/dev/null
pngquant --force --output docs/boot.png 64 "$work/boot.png"
optipng -quiet -o4 docs/boot.png
echo "docs/boot.png: $(wc -c < docs/boot.png) bytes"
