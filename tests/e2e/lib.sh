# shellcheck shell=bash
# Sourced by each e2e script. Gives a scratch folder that goes at the end, and three ways to claim.
set -uo pipefail
# shellcheck disable=SC2034  # the scripts use it
millpool=${MILLPOOL:?the program to test}
scratch=$(mktemp -d)
faults=0

finish() {
  local status=$?
  chmod -R u+w "$scratch" 2>/dev/null
  rm -rf "$scratch"
  ((status != 0 && status != 77)) && exit "$status"
  ((faults > 0)) && exit 1  # also where the rest was skipped
  exit "$status"
}
trap finish EXIT
cd "$scratch" || exit 1

fault() {
  printf 'FAILED: %s\n' "$@"
  faults=$((faults + 1))
}

# equal <claim> <expected> <actual>
equal() {
  [[ $2 == "$3" ]] && return
  fault "$1"
  diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | head -20
}

# contains <claim> <part> <text>
contains() {
  [[ $3 == *"$2"* ]] || fault "$1" "  '$2' is not in '$3'"
}

# holds <claim> <command...>
holds() {
  local claim=$1
  shift
  "$@" || fault "$claim" "  $*"
}

# needs <program...>: without them there is nothing to compare with.
needs() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || { echo "skipped: no $program"; exit 77; }
  done
}

# needs_terminal: util-linux' script, and a system that lets it make a terminal.
needs_terminal() {
  needs script
  script -qec true /dev/null </dev/null >/dev/null 2>&1 || { echo "skipped: script cannot make a terminal"; exit 77; }
}

# GNU parallel, not the one of moreutils, and without its plea.
gnu_parallel() { parallel --will-cite "$@"; }
needs_gnu_parallel() {
  needs parallel
  [[ $(parallel --version 2>/dev/null) == "GNU parallel"* ]] || { echo "skipped: parallel is not GNU's"; exit 77; }
}

# processes_with <text>: living processes whose command line has it. Give a text that the caller's own
# command line does not hold.
processes_with() {
  local file line
  for file in /proc/[0-9]*/cmdline; do
    { line=$(tr '\0' ' ' <"$file"); } 2>/dev/null
    [[ $line == *"$1"* && ${file%/cmdline} != "/proc/$$" ]] && echo "${file%/cmdline} $line"
  done
  return 0
}
