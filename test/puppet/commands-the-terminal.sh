#!/bin/sh
# Tells whoever shows its output to a terminal to change its title, its clipboard, its screen and its colours; then fails.
printf 'title \033]0;owned\007 clipboard \033]52;c;b3duZWQ=\033\\ clear \033[2J\033[1;1H red \033[31m c1 \302\2332J \302\2350;owned\302\234 nul \000 bad \377\376 over\rwritten\n'
printf 'err \033]0;owned\007 \033[8mhidden\n' >&2
exit 1
