#!/usr/bin/env bash
# The input is a stream: memory does not grow with it, nor with what jobs write.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"
needs awk

# peak <command...>: its peak resident memory in KiB, once its job says so itself. The last job reads the
# high-water mark of its parent.
peak_of_parent='grep VmHWM /proc/$PPID/status'
peak() {
  local count=$1
  shift
  { seq "$count"; echo last; } | "$millpool" run -j2 "$@" sh -c 'test {} != last || '"$peak_of_parent" | awk '/VmHWM/ { print $2 }'
}

small=$(peak 100)
many=$(peak 3000)
holds "3,000 jobs need no more than 100 do ($small, $many KiB)" test "$many" -le $((small + 512))
ordered=$(peak 3000 -k)
holds "nor does -k ($ordered KiB)" test "$ordered" -le $((small + 1024))

output=$("$millpool" run -j1 -k sh -c '{}' ::: 'head -c 200000000 /dev/zero' "$peak_of_parent" | tr -d '\0' | awk '/VmHWM/ { print $2 }')
holds "200 MB of output are not held in memory ($output KiB)" test "$output" -le $((small + 1024))

# Reading and numbering alone, for as many lines as take a moment.
few=$(seq 1000 | "$millpool" run --dry-run sh | wc -l)
lots=$(seq 1000000 | "$millpool" run --dry-run sh | wc -l)
equal "a million lines are a million jobs" "1000 1000000" "$few $lots"

giant=$(head -c 20000000 /dev/zero | tr '\0' x | "$millpool" run --dry-run echo | wc -c)
equal "a line may be as long as it likes" 20000006 "$giant"
