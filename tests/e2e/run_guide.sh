#!/usr/bin/env bash
# The examples of docs/guide/run.md do what they show.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"
mkdir bin
ln -s "$millpool" bin/millpool
export PATH=$scratch/bin:$PATH SHELL=/bin/sh

run_examples "${ROOT:?the source tree}/docs/guide/run.md"
holds "there are examples ($examples)" test "$examples" -ge 10

"$millpool" run --help >help
holds "--help names every flag of the guide" bash -c '
  grep -oE "(^|[^-a-z])--[a-z][a-z-]*" "$ROOT/docs/guide/run.md" | grep -oE -- "--[a-z][a-z-]*" | sort -u |
    grep -vE -- "--(pipe)$" | while read -r flag; do grep -q -- "$flag" help || { echo "$flag"; exit 1; }; done'
