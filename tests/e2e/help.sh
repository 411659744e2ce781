#!/usr/bin/env bash
# What the program says of itself: on standard output and with exit status 0 where somebody asked, else in
# one line on standard error and with 2.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"

# answers <what it must say> <arguments...>
answers() {
  local says=$1 status=0
  shift
  "$millpool" "$@" </dev/null >out 2>err || status=$?
  equal "exit status of: $*" 0 "$status"
  equal "complaint of: $*" "" "$(cat err)"
  contains "output of: $*" "$says" "$(cat out)"
}

# refuses <what it must say> <arguments...>
refuses() {
  local says=$1 status=0
  shift
  "$millpool" "$@" </dev/null >out 2>err || status=$?
  equal "exit status of: $*" 2 "$status"
  equal "output of: $*" "" "$(cat out)"
  equal "lines of complaint of: $*" 1 "$(wc -l <err)"
  contains "complaint of: $*" "$says" "$(cat err)"
}

version=$(sed -nE 's/^ *VERSION ([0-9.]+)$/\1/p' "${ROOT:?the source tree}/CMakeLists.txt")
answers "millpool $version" --version
equal "the version is all it says" "millpool $version" "$(cat out)"

for flag in --help -h help; do
  answers "Usage: millpool subcommand [flags]" "$flag"
  contains "subcommands are listed by $flag" "  run       runs a command for each line" "$(cat out)"
done
for flag in --help -h; do
  answers "millpool run [flags] command" run "$flag"
  contains "flags are listed by run $flag" "--joblog" "$(cat out)"
  contains "and each is explained" "--timeout" "$(cat out)"
done

refuses "which subcommand? --help lists them"
refuses "unknown subcommand 'walk' (--help lists them)" walk
refuses "unknown subcommand '--walk'" --walk
