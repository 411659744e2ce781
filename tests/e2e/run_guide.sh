#!/usr/bin/env bash
# The examples of docs/guide/run.md do what they show.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"
mkdir bin
ln -s "$millpool" bin/millpool
export PATH=$scratch/bin:$PATH SHELL=/bin/sh

# A console fence becomes a command file and the output that should follow it, one pair a `$` line.
awk '
  /^```console$/ { inside = 1; next }
  /^```/ { inside = 0; next }
  inside && /^\$ / { n++; print substr($0, 3) > (n ".command"); printf "" > (n ".expected"); next }
  inside { print > (n ".expected") }' "${ROOT:?the source tree}/docs/guide/run.md"

count=0
while [[ -e $((count + 1)).command ]]; do
  count=$((count + 1))
  bash ./$count.command >actual 2>&1 </dev/null
  equal "$(cat $count.command)" "$(cat $count.expected)" "$(cat actual)"
done
holds "there are examples ($count)" test "$count" -ge 10

"$millpool" run --help >help
holds "--help names every flag of the guide" bash -c '
  grep -oE "(^|[^-a-z])--[a-z][a-z-]*" "$ROOT/docs/guide/run.md" | grep -oE -- "--[a-z][a-z-]*" | sort -u |
    grep -vE -- "--(pipe)$" | while read -r flag; do grep -q -- "$flag" help || { echo "$flag"; exit 1; }; done'
