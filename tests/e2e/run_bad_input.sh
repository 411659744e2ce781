#!/usr/bin/env bash
# Bad input: one clear line on standard error, exit status 2, nothing lost of what was done.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"

# refused <what it must say> <arguments...>
refused() {
  local says=$1 status=0
  shift
  "$millpool" "$@" </dev/null >out 2>err || status=$?
  equal "exit status of: $*" 2 "$status"
  equal "lines of complaint of: $*" 1 "$(wc -l <err)"
  equal "output of: $*" "" "$(cat out)"
  contains "complaint of: $*" "$says" "$(cat err)"
}

refused "which subcommand?"
refused "unknown subcommand 'rum'" rum
refused "unknown flag --frobnicate" run --frobnicate echo ::: a
refused "no command given" run
refused "no command given" run ::: a
refused "the command is empty" run '' ::: a
refused "needs a value" run -j
refused "'many' is no number of jobs" run -j many echo ::: a
refused "'soon' is no halt" run --halt soon echo ::: a
refused "'1x' is not a time" run --timeout 1x echo ::: a
refused ":::+ is not there" run echo ::: a :::+ b
refused "::::+ is not there" run echo ::: a ::::+ absent
refused "absent: No such file or directory" run -a absent echo
refused "it is a directory" run -a . echo
refused "need --joblog" run --resume echo ::: a
refused "cannot write joblog ./absent/log" run --joblog ./absent/log echo ::: a
refused "cannot write joblog /dev/full" run --joblog /dev/full echo ::: a

echo "no joblog at all" >broken
refused "broken:1: this is no joblog" run --joblog broken --resume echo ::: a
"$millpool" run --joblog broken echo ::: a b >/dev/null
sed -i '3s/.*/rubbish/' broken
refused "broken:3: this joblog is broken" run --joblog broken --resume echo ::: a b

"$millpool" run --joblog other echo ::: a b >/dev/null
cp other before
refused "is of another run" run --joblog other --resume echo ::: x b
equal "a joblog of another run is left as it was" "$(cat before)" "$(cat other)"

status=0
"$millpool" run nosuchcommand ::: a 2>err || status=$?
equal "a command that does not exist" 127 "$status"
contains "its name" "nosuchcommand: command not found" "$(cat err)"

# What was done before the bad record stays done, and is in the log.
status=0
printf 'one\ntwo\nb\0d\nthree\n' | "$millpool" run -k --joblog log echo >out 2>err || status=$?
equal "a NUL byte in the input" 2 "$status"
contains "where it is" "standard input: record 3 has a NUL byte" "$(cat err)"
equal "jobs before it were run" $'one\ntwo' "$(cat out)"
equal "and logged" 3 "$(wc -l <log)"

# A full disk under standard output: the job is not logged as done, so --resume repeats it.
status=0
"$millpool" run --joblog log echo ::: a >/dev/full 2>err || status=$?
equal "standard output on a full disk" 2 "$status"
contains "the reason" "No space left on device" "$(cat err)"
equal "one line of complaint" 1 "$(wc -l <err)"
equal "a job whose output was lost is not done" 1 "$(wc -l <log)"
equal "and is repeated" a "$("$millpool" run --joblog log --resume echo ::: a)"

# No standard output at all: that is told as well, if there is something to print.
for arguments in 'echo ::: a' '-k echo ::: a' '--json true ::: a' '--dry-run echo ::: a' '--version'; do
  read -ra words <<<"$arguments"
  status=0
  "$millpool" run "${words[@]}" 2>err >&- || status=$?
  equal "standard output is closed: $arguments" 2 "$status"
  equal "one line about: $arguments" "millpool run: cannot write to standard output: Bad file descriptor" "$(cat err)"
done
status=0
"$millpool" run true ::: a >&- 2>err <&- || status=$?
equal "who prints nothing needs none" "0 " "$status $(cat err)"

# A joblog on a full disk: a small file system of its own, where we may mount one.
mkdir disk
if mount -t tmpfs -o size=16k,mode=0777 none disk 2>/dev/null; then
  status=0
  seq 1000 | "$millpool" run -k --joblog disk/log echo "$(printf 'x%.0s' {1..100})" >out 2>err || status=$?
  equal "the disk of the joblog is full" 2 "$status"
  contains "the reason" "cannot write joblog disk/log: No space left" "$(cat err)"
  holds "every line of the log is whole" awk -F '\t' 'NF != 9 { exit 1 }' disk/log
  rm disk/log
  status=0
  TMPDIR=$PWD/disk "$millpool" run --joblog log head -c 100000 ::: /dev/zero >out 2>err || status=$?
  equal "the disk for the output of jobs is full" 2 "$status"
  contains "the reason" "no room for the output of jobs" "$(cat err)"
  equal "the job that may have been cut is not done" 1 "$(wc -l <log)"
  status=0
  "$millpool" run --results disk head -c 100000 ::: /dev/zero >out 2>err || status=$?
  equal "the disk for results is full" 2 "$status"
  rm -r disk/*
  cat /dev/zero >disk/fill 2>/dev/null
  status=0
  TMPDIR=$PWD/disk "$millpool" run --joblog log sh -c 'echo lost 2>/dev/null; true' ::: 1 >out 2>err || status=$?
  equal "a job that hides that the disk is full" 2 "$status"
  equal "is not done either" 1 "$(wc -l <log)"
  umount disk
else
  echo "note: cannot mount here, so a full disk was tried with /dev/full only"
fi
