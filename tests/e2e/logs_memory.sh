#!/usr/bin/env bash
# Memory does not follow the input, nor the number of groups beyond the limit.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/logs_lib.sh"
needs python3
access_log 20000 5 >part
for _ in 1 2 3 4 5; do cat part; done >small.log
for _ in 1 2 3 4 5 6 7 8 9 10; do cat small.log; done >large.log

# peak <arguments...>: in KiB
peak() {
  python3 -c 'import os, sys, resource
os.dup2(os.open("/dev/null", os.O_WRONLY), 1); os.dup2(1, 2)
pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
os.waitpid(pid, 0)
os.write(int(os.environ["REPLY_FD"]), str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss).encode())' \
    "$millpool" logs --format combined "$@"
}
export REPLY_FD=9
small=$(peak small.log -j2 --count-by status --top 10 path --percentile p99 bytes --histogram minute 9>&1)
large=$(peak large.log -j2 --count-by status --top 10 path --percentile p99 bytes --histogram minute 9>&1)
holds "ten times the input, no more memory ($small, then $large KiB)" test "$large" -le $((small + 3072))
holds "within 32 MB" test "$large" -le 32768

awk 'BEGIN { for (i = 0; i < 500000; i++) printf "10.0.0.1 - - [17/May/2015:10:00:00 +0000] \"GET /%d/%d HTTP/1.1\" 200 5\n", i, i }' >many.log
bounded=$(peak many.log -j2 --count-by path --max-groups 1000 9>&1)
holds "half a million groups within the limit of a thousand ($bounded KiB)" test "$bounded" -le 32768
head -c 40M /dev/zero | tr '\0' x >one_line.log
long=$(peak one_line.log 9>&1)
holds "a line of 40 MB ($long KiB)" test "$long" -le 32768
