#!/usr/bin/env bash
# The joblog is GNU parallel's own: each program resumes what the other has begun.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"
needs_gnu_parallel

# Columns that do not depend on the clock, by job.
columns() { tail -n +2 "$1" | sort -n | cut -f1,2,5-9; }
task='test {} -lt 4 || exit {}'

seq 8 >input
"$millpool" run --joblog ours --shell "$task" <input
equal "8 jobs, 5 failed" 123 $?
gnu_parallel --joblog its "$task" <input
equal "GNU parallel counts them" 5 $?
equal "the same columns" "$(columns its)" "$(columns ours)"
equal "the same header" "$(head -1 its)" "$(head -1 ours)"
holds "the same layout" grep -qP '^1\t:\t\d+\.\d{3}\t {5}\d\.\d{3}\t0\t0\t0\t0\t' ours

"$millpool" run --count-failures --shell "$task" <input
equal "--count-failures is GNU parallel's exit status" 5 $?

# Arguments that need quoting, an empty line, a signal, output, a timeout.
printf "a b\nd'e\n\n\$x\n" >odd
"$millpool" run --joblog ours echo 'x  y' <odd >/dev/null
gnu_parallel -q --joblog its echo 'x  y' <odd >/dev/null
equal "the same quoting and byte counts" "$(columns its)" "$(columns ours)"
"$millpool" run --joblog ours --shell 'kill -9 $$ #' ::: 1
gnu_parallel --joblog its 'kill -9 $$ #' ::: 1
equal "the same signal" "$(columns its)" "$(columns ours)"
"$millpool" run --joblog ours --timeout 0.2 sleep ::: 99 2>/dev/null
gnu_parallel --joblog its --timeout 0.2 sleep ::: 99 2>/dev/null
equal "the same timeout" "$(columns its)" "$(columns ours)"

# resumes <claim> <who began> <who resumes> <flag>: both run 1..4 of a task where 3 fails, then 1..6.
began_by() {
  rm -f log ran
  if [[ $1 == ours ]]; then
    seq 4 | "$millpool" run -j1 --joblog log --shell 'echo {} >>ran; test {} -ne 3'
  else
    seq 4 | gnu_parallel -j1 --joblog log 'echo {} >>ran; test {} -ne 3'
  fi
  rm ran
}
resumed_by() {
  if [[ $1 == ours ]]; then
    seq 6 | "$millpool" run -j1 --joblog log "$2" --shell 'echo {} >>ran; test {} -ne 3'
  else
    seq 6 | gnu_parallel -j1 --joblog log "$2" 'echo {} >>ran; test {} -ne 3'
  fi
  tr '\n' ' ' <ran
}
for first in ours its; do
  for second in ours its; do
    began_by "$first"
    equal "--resume, begun by $first, resumed by $second" "5 6 " "$(resumed_by "$second" --resume)"
    began_by "$first"
    equal "--resume-failed, begun by $first, resumed by $second" "3 5 6 " "$(resumed_by "$second" --resume-failed)"
  done
done
equal "a resumed log has one header" 1 "$(grep -c ^Seq log)"

# A crash in the middle of a line loses that job's line only.
seq 4 | "$millpool" run -j1 --joblog log true
truncate -s -5 log
seq 4 | "$millpool" run -j1 --joblog log --resume echo >out 2>err
equal "a line that was cut off is told of, and other lines are compared" 2 $?
truncate -s -0 log
seq 4 | "$millpool" run -j1 --joblog log --resume true 2>err
equal "the run goes on" 0 $?
equal "and the log is complete" $'1\n2\n3\n4' "$(tail -n +2 log | cut -f1)"

# With -k the log has the order of the input.
seq 20 | "$millpool" run -j4 -k --joblog log sh -c 'test {} -ne 1 || sleep 0.05; echo {}' >out
equal "-k orders the log" "$(seq 20)" "$(tail -n +2 log | cut -f1)"

# A run that was killed is resumed: nothing twice in the log, nothing missing.
mkfifo started told
exec 6<>started
job='if test {} = 40; then echo >&6; exec sleep 60; fi'
seq 60 | "$millpool" run -j2 --joblog log sh -c "$job" &
run=$!
read -r _ <&6
kill -KILL $run
wait $run 2>/dev/null
holds "most was done before" test "$(tail -n +2 log | wc -l)" -ge 30
# a shell lets what it starts in the background ignore SIGINT
seq 60 | env --default-signal=INT "$millpool" run -j2 --joblog log --resume sh -c "$job" 2>told &
run=$!
exec 7<told
read -r _ <&6
kill -INT $run
read -r _ <&7
# The second Ctrl-C kills what still runs, and 39 may: it began beside 40.
until (($(tail -n +2 log | wc -l) >= 39)) || ! kill -0 $run 2>/dev/null; do read -r -t 0.01 _ <&6; done
kill -INT $run
wait $run
exec 7<&-
equal "each job is in the log once" "" "$(tail -n +2 log | cut -f1 | sort | uniq -d)"
equal "but the one that was killed" "40" "$(comm -23 <(seq 40 | sort) <(tail -n +2 log | cut -f1 | sort))"

# A joblog that another run writes now is not touched, though its last line looks cut off.
mkfifo end
"$millpool" run --joblog log sh -c 'echo >&6; read x <end' ::: 1 &
read -r _ <&6
printf '1\t:\t' >>log
cp log before
"$millpool" run --joblog log --resume true ::: 1 2>err
equal "a joblog has one run at a time" 2 $?
contains "it says so" "in use by another run" "$(cat err)"
equal "and what the other writes stays" "$(cat before)" "$(cat log)"
echo >end
wait

# A log of another run is noticed before any job runs, though the first jobs are not in it.
"$millpool" run -j1 --joblog log echo ::: 1 2 >/dev/null
sed -i 2d log
{ echo 1; read -r -t 0.5 _ <&6; echo 2; } | "$millpool" run --joblog log --resume sh -c 'touch ran{}; echo >&6' 2>err
equal "a log of another run is refused" 2 $?
contains "it says so" "its job 2 is not" "$(cat err)"
equal "nothing ran" "" "$(ls ran1 2>/dev/null)"

# retries, as GNU parallel counts them
"$millpool" run --retries 3 --joblog log sh -c 'echo x >>tries; false' ::: 1
equal "--retries 3 is three attempts" 3 "$(wc -l <tries)"
equal "and one line in the log" 2 "$(wc -l <log)"
"$millpool" run --retries 0 sh -c 'echo x >>tries0; test $(wc -l <tries0) -eq 4' ::: 1
equal "--retries 0 tries until it works" "0 4" "$? $(wc -l <tries0)"

# results, in GNU parallel's layout
printf '#!/bin/sh\necho "$@"; echo e >&2\n' >job
chmod +x job
"$millpool" run -k --results ours.d ./job ::: a/b 'c d' ::: 1 2 >ours.out 2>/dev/null
gnu_parallel -k --results its.d ./job ::: a/b 'c d' ::: 1 2 >its.out 2>/dev/null
equal "--results" "" "$(diff -r ours.d its.d)"
equal "--results prints nothing" "$(cat its.out)" "$(cat ours.out)"
