#!/usr/bin/env bash
# SIGINT once: running jobs finish, no other starts. Twice: process groups are killed. Nothing is left.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"

mark=97$$
mkfifo started go err stuck_out
exec 5<>go 6<>started  # open all the time, so that no line is lost between two readers

flags=()
# Starts a run with $flags of two jobs at a time that say when they run. Sets $run; its messages come through $err_fd.
begin() {
  rm -f log out
  "$millpool" run -j2 --joblog log "${flags[@]}" sh -c "$1" ::: 1 2 3 4 >out 2>err &
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

# While it waits for input that does not come, too.
mkfifo input
"$millpool" run echo <input >out 2>err &
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
"$millpool" run -j2 -k sh -c 'head -c 1000000 /dev/zero; echo >&6' ::: 1 2 >stuck_out 2>err &
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

# What a job does with signals is its own affair: defaults are restored.
equal "a job has default signals and an empty mask" "0000000000000000" \
  "$("$millpool" run sh -c 'grep SigBlk /proc/self/status' ::: 1 | cut -f2)"
equal "yes | head works in a job" "y" "$("$millpool" run sh -c 'yes | head -1' ::: 1)"

# Nor do we depend on what our parent does with SIGCHLD: to ignore it would hide how every job ended.
(trap '' CHLD; exec "$millpool" run --joblog log false ::: 1)
equal "a job fails though our parent ignores SIGCHLD" 123 $?
equal "and its log says so" 1 "$(tail -1 log | cut -f7)"
