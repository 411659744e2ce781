#!/usr/bin/env bash
# SIGINT once: running jobs finish, no other starts. Twice: process groups are killed. Nothing is left.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"

export mark=97$$
# A shell lets what it starts in the background ignore SIGINT and SIGQUIT. Here they are to be heard.
run_it=(env "--default-signal=INT,QUIT" "$millpool" run)
mkfifo started go err stuck_out
exec 5<>go 6<>started  # open all the time, so that no line is lost between two readers

flags=()
# Starts a run with $flags of two jobs at a time that say when they run. Sets $run; its messages come through $err_fd.
begin() {
  rm -f log out
  "${run_it[@]}" -j2 --joblog log "${flags[@]}" sh -c "$1" ::: 1 2 3 4 >out 2>err &
  run=$!
  exec 7<err
  read -r _ <&6
  read -r _ <&6
}
# Waits for the run. Sets $status.
end() {
  status=0
  wait "$run" || status=$?
  exec 7<&-
}
tell='echo >&6; '
# Waits until no job sleeps any more. Sets $left to those that do in the end.
all_gone() {
  local i
  for ((i = 0; i < 500; i++)); do
    left=$(processes_with "sleep $mark")
    [[ -z $left ]] && break
    read -r -t 0.01 _ <&6
  done
}

begin "$tell"'read x <&5; echo {}'
kill -INT "$run"
read -r message <&7
contains "it says what it does" "no new jobs" "$message"
printf '\n\n' >&5
end
equal "drained" 130 "$status"
equal "running jobs have finished" $'1\n2' "$(sort out)"
equal "and are logged; others have not started" $'1\n2' "$(tail -n +2 log | cut -f1 | sort)"

# Who failed and would have been tried again has failed.
flags=(--retries 2)
begin "$tell"'read x <&5; echo {}; false'
kill -INT "$run"
read -r _ <&7
printf '\n\n' >&5
end
flags=()
equal "drained between two attempts" 130 "$status"
equal "the output of the last attempt is printed" $'1\n2' "$(sort out)"
equal "and logged" $'1\t1\n2\t1' "$(tail -n +2 log | cut -f1,7 | sort)"

begin "$tell"'sleep '$mark'1 & sleep '$mark'2'
kill -INT "$run"
read -r _ <&7
kill -INT "$run"
read -r message <&7
contains "it says so again" "killing" "$message"
end
equal "killed" 130 "$status"
equal "grandchildren are gone" "" "$(processes_with "sleep $mark")"
equal "killed jobs are not done" "" "$(tail -n +2 log)"

begin "trap '' TERM INT; $tell"'(trap "" TERM; sleep '$mark'3) & sleep '$mark'4; sleep '$mark'5'
kill -TERM "$run"
read -r message <&7
contains "TERM drains as well" "no new jobs" "$message"
kill -TERM "$run"
end
equal "killed by TERM" 143 "$status"
equal "who ignores TERM is killed" "" "$(processes_with "sleep $mark")"

begin "$tell"'sleep '$mark'6'
kill -HUP "$run"
end
equal "a terminal that goes takes all along" 129 "$status"
equal "nothing is left" "" "$(processes_with "sleep $mark")"

begin "$tell"'sleep '$mark'6'
kill -QUIT "$run"
end
equal "SIGQUIT takes all along" 131 "$status"
equal "nothing is left of that" "" "$(processes_with "sleep $mark")"

# nohup's way.
(trap '' HUP; exec "$millpool" run sh -c 'echo >&6; read x <&5; echo {}' ::: 1) >out &
run=$!
read -r _ <&6
kill -HUP "$run"
echo >&5
status=0
wait "$run" || status=$?
equal "a signal that our parent ignores is ignored" "0 1" "$status $(cat out)"

# SIGKILL cannot be heard, and yet no job is left.
begin "$tell"'exec sleep '$mark'7'
kill -KILL "$run"
end
all_gone
equal "a run that is killed takes its jobs along" "" "$left"

# While it waits for input that does not come, too.
mkfifo input
rm -f out  # what is in it is to be its own: before that it may still be this shell, and die as one
"${run_it[@]}" echo <input >out 2>err &
run=$!
exec 8>input 7<err
echo a >&8
until [[ -s out ]]; do read -r -t 0.01 _ <&6; done
kill -INT "$run"
end
exec 8>&-
equal "interrupted while waiting for input" 130 "$status"

# Though nobody reads what it prints.
exec 4<>stuck_out
"${run_it[@]}" -j2 -k sh -c 'head -c 1000000 /dev/zero; echo >&6' ::: 1 2 >stuck_out 2>err &
run=$!
exec 7<err
read -r _ <&6
kill -INT "$run"
read -r message <&7
contains "a stuck printer does not make it deaf" "no new jobs" "$message"
kill -INT "$run"
read -r _ <&7
kill -INT "$run"
end
exec 4<&-
equal "the third time ends it" 130 "$status"

# interrupt: again and again until the run is gone; $status is 124 if it never goes.
interrupt() {
  local i
  for ((i = 0; i < 200; i++)); do
    kill -INT "$run" 2>/dev/null || break
    read -r -t 0.05 _ <&6
  done
  ((i < 200)) || { kill -KILL "$run"; wait "$run"; status=124; return; }
  status=0
  wait "$run" || status=$?
}

# Nor when the main thread itself prints: what is held is printed at last, since job 1 never ends.
exec 4<>stuck_out
"${run_it[@]}" -j2 -k sh -c 'echo >&6; test {} = 2 || sleep ${mark}8; head -c 1000000 /dev/zero' ::: 1 2 3 >stuck_out 2>err &
run=$!
exec 7<err
for _ in 1 2 3; do read -r _ <&6; done  # the third starts where the second has ended
for _ in 1 2; do
  kill -INT "$run"
  read -r _ <&7
done
all_gone
interrupt
exec 4<&- 7<&-
equal "a stuck reader of what was held does not keep it" 130 "$status"

# Nor when nobody reads standard error.
exec 4<>stuck_out
head -c 65536 /dev/zero >&4
"${run_it[@]}" sh -c 'echo >&6; sleep '$mark'9' ::: 1 2>&4 &
run=$!
read -r _ <&6
interrupt
exec 4<&-
equal "a stuck standard error does not make it deaf" 130 "$status"

# --dry-run dies of a signal as any program does.
exec 8<>input
rm -f out  # as above
"${run_it[@]}" --dry-run echo <input >out &
run=$!
seq 5000 >&8  # more than it keeps back
until [[ -s out ]]; do read -r -t 0.01 _ <&6; done
interrupt
exec 8<&-
equal "--dry-run can be interrupted" 130 "$status"
equal "nothing is left in the end" "" "$(processes_with "sleep $mark")"

# What a job does with signals is its own affair: defaults are restored.
equal "a job has default signals and an empty mask" "0000000000000000" \
  "$("$millpool" run sh -c 'grep SigBlk /proc/self/status' ::: 1 | cut -f2)"
equal "yes | head works in a job" "y" "$("$millpool" run sh -c 'yes | head -1' ::: 1)"

# Nor do we depend on what our parent does with SIGCHLD: to ignore it would hide how every job ended.
(trap '' CHLD; exec "$millpool" run --joblog log false ::: 1)
equal "a job fails though our parent ignores SIGCHLD" 123 $?
equal "and its log says so" 1 "$(tail -1 log | cut -f7)"
