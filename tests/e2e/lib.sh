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

# nap <seconds>: where nobody says when something has happened.
nap() {
  if [[ ! -p $scratch/never ]]; then
    mkfifo "$scratch/never"
    exec 9<>"$scratch/never"
  fi
  read -r -t "$1" _ <&9
}

# await <claim> <command...>: until it succeeds, for half a minute.
await() {
  local claim=$1 i
  shift
  for ((i = 0; i < 300; i++)); do
    "$@" >/dev/null 2>&1 && return
    nap 0.1
  done
  fault "$claim" "  never: $*"
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

# run_examples <page>: executes each line of the page's console fences that begins with $, in the
# working folder, and compares what it prints with what the page shows. Sets `examples`.
run_examples() {
  local made
  made=$(mktemp -d "$scratch/examples.XXXX")
  awk -v to="$made/" '
    /^```console$/ { inside = 1; next }
    /^```/ { inside = 0; next }
    inside && /^\$ / { n++; print substr($0, 3) > (to n ".command"); printf "" > (to n ".expected"); next }
    inside { print > (to n ".expected") }' "$1"
  examples=0
  while [[ -e $made/$((examples + 1)).command ]]; do
    examples=$((examples + 1))
    bash "$made/$examples.command" >"$made/actual" 2>&1 </dev/null
    equal "$(cat "$made/$examples.command")" "$(cat "$made/$examples.expected")" "$(cat "$made/actual")"
  done
}

# flags_agree <subcommand> <page...>: --help names every flag of the pages, and the last page, the man
# page, every flag of --help.
flags_agree() {
  local subcommand=$1 page
  shift
  "$millpool" "$subcommand" --help >"$scratch/help"
  for page in "$@"; do
    sed 's/\\-/-/g' "$page" | grep -oE "(^|[^-a-z])--[a-z][a-z-]*" | grep -oE -- "--[a-z][a-z-]*" | sort -u >"$scratch/named"
    equal "--help names every flag of $page" "" \
      "$(while read -r flag; do grep -q -- "$flag" "$scratch/help" || echo "$flag"; done <"$scratch/named")"
  done
  grep -oE -- '--[a-z][a-z-]+' "$scratch/help" | sort -u >"$scratch/flags"
  equal "the man page names every flag of --help" "" \
    "$(while read -r flag; do grep -qx -- "$flag" "$scratch/named" || echo "$flag"; done <"$scratch/flags")"
}

# man_page_is_clean <page>: no mistakes that mandoc or man-db can find; skips without both.
man_page_is_clean() {
  local looked=0
  if command -v mandoc >/dev/null; then
    looked=1
    equal "mandoc -T lint" "" "$(mandoc -T lint -W warning "$1" 2>&1)"
  fi
  if command -v groff >/dev/null && command -v man >/dev/null; then
    looked=1
    equal "man --warnings" "" \
      "$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$1" 2>&1 >/dev/null)"
  fi
  ((looked)) || { echo "skipped: neither mandoc nor man with groff"; exit 77; }
}
