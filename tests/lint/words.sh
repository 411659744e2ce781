#!/usr/bin/env bash
# Usage: words.sh <root>
# What must not be in the tree: paths of somebody's machine, notes to self, sleeps in tests, empty
# folders, conflict markers, trailing blanks. (The patterns are spelt so that they do not match
# themselves.)
set -euo pipefail
cd "${1:?usage: words.sh <root>}"
bad=0

# refuse <why> <extended regular expression> <path...>
refuse() {
  local why=$1 pattern=$2 found
  shift 2
  found=$(grep -rnIE --exclude-dir=.git --exclude-dir=build --exclude-dir=node_modules -e "$pattern" "$@" 2>/dev/null) || return 0
  while IFS= read -r line; do echo "$line  <- $why"; done <<<"$found"
  bad=1
}

refuse "a path of one machine" '(^|[^A-Za-z0-9_.*/-])/(wor[k]|hom[e]|User[s])/' .
refuse "a note to self: an issue is the place" '\b(TOD[O]|FIXM[E]|XX[X])\b' .
refuse "a conflict marker" '^(<<<<<<[<] |>>>>>>[>] )' .
refuse "trailing blanks" '[[:blank:]]$' --exclude='*.md' --exclude='*.patch' .
if [[ -d tests ]]; then
  refuse "a test waits for a fact, not for a time" \
    '\b(sleep_fo[r]|sleep_unti[l]|usleep|nanosleep) *\(' --include='*.[ch]pp' tests
fi

while IFS= read -r folder; do
  echo "$folder: an empty folder"
  bad=1
done < <(find . \( -path ./.git -o -path ./build \) -prune -o -type d -empty -print)

exit "$bad"
