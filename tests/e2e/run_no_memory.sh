#!/usr/bin/env bash
# Memory that is not there ends the run with a sentence. It does not hang, and does not look like success.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"

# JSON needs a job's whole output at once. A file with a hole is an output that costs no disk.
status=0
(
  ulimit -v 1000000
  exec timeout -s KILL 60 "$millpool" run -j1 --json --joblog log truncate -s {} /dev/stdout ::: 1G 0 0
) >out 2>err || status=$?
equal "an output that memory cannot hold ends the run" 2 "$status"
equal "in one line" 1 "$(wc -l <err)"
contains "which says whose output it is" "job 1: " "$(cat err)"
equal "the job is not logged as done" 1 "$(wc -l <log)"
