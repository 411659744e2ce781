#!/usr/bin/env bash
# The input is a stream: memory does not grow with it, nor with what jobs write.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"
needs awk

# The kernel counts resident pages for each CPU, and adds them up when a batch is full: what it tells may be
# a MiB off. So there are so many jobs that 350 bytes kept for each would be more than that: less than the
# record of a job, its command and its paths take.
slack=2048  # KiB

# The last job reads the high-water mark of its parent.
printf '#!/bin/sh\ngrep VmHWM /proc/$PPID/status\n' >report
chmod +x report
kib() { awk '/VmHWM/ { print $2 }'; }

# peak <jobs> <flags...>: of a run of so many jobs, in KiB.
peak() {
  local count=$1
  shift
  { yes true | head -n "$count"; echo ./report; } | "$millpool" run -j2 "$@" {} | kib
}

small=$(peak 100)
many=$(peak 6000)
holds "6,000 jobs need no more than 100 do ($small, $many KiB)" test "$many" -le $((small + slack))
ordered=$(peak 6000 -k)
holds "nor does -k ($ordered KiB)" test "$ordered" -le $((small + slack))

output=$("$millpool" run -j1 -k sh -c '{}' ::: 'head -c 200000000 /dev/zero' 'grep VmHWM /proc/$PPID/status' | tr -d '\0' | kib)
holds "200 MB of output are not held in memory ($output KiB)" test "$output" -le $((small + slack))

# A million inputs, 500 for each job.
printf '#!/bin/sh\ncase "$*" in *last) exec grep VmHWM /proc/$PPID/status; esac\n' >report_last
chmod +x report_last
grouped() { { seq "$1"; echo last; } | "$millpool" run -j2 -n 500 ./report_last | kib; }
few=$(grouped 40000)
lots=$(grouped 1000000)
holds "a million inputs need no more than 40,000 do ($few, $lots KiB)" test "$lots" -le $((few + slack))

# A million lines, read and numbered alone. The peak is read while the program still waits for the end: the
# lines are long, so that the pipe holds but a few of them.
numbered() {
  local run
  mkfifo lines
  "$millpool" run --dry-run sh <lines >printed &
  run=$!
  exec 9>lines
  seq -f '%0120.0f' "$1" >&9
  kib </proc/$run/status
  exec 9>&-
  wait $run || echo "exit status $?"
  wc -l <printed
  rm lines printed
}
read -r -d '' few few_lines < <(numbered 5000)
read -r -d '' lots lots_lines < <(numbered 1000000)
equal "a million lines are a million jobs" "5000 1000000" "$few_lines $lots_lines"
holds "and need no more than 5,000 lines do ($few, $lots KiB)" test "$lots" -le $((few + slack))

giant=$(head -c 20000000 /dev/zero | tr '\0' x | "$millpool" run --dry-run echo | wc -c)
equal "a line may be as long as it likes" 20000006 "$giant"
