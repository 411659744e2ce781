#!/usr/bin/env bash
# The demonstration that `./dev run` gives, on a machine that this test makes up: what it shows, and
# that its exit status is not 0 when a check fails.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"

# The script alone, with the program where it would have built it, and with the cmake that "builds" it.
mkdir -p tree/build/release bin lib share
cp "${ROOT:?the source tree}/dev" tree/dev
: >tree/CMakePresets.json
: >tree/build/release/build.ninja
ln -s "$millpool" tree/build/release/millpool
# stub <program> <line...>
stub() {
  { echo '#!/bin/sh'; printf '%s\n' "${@:2}"; } >"bin/$1"
  chmod +x "bin/$1"
}
stub cmake 'exit 0'
# Instead of /usr/share and /usr/lib: folders of our own.
stub find 'case $1 in /usr/*) at='"$scratch"'/${1#/usr/}; shift; set -- "$at" "$@" ;; esac' \
  "exec $(command -v find)"' "$@"'
for program in apt-get apt-cache sudo; do stub "$program" 'exit 0'; done  # nothing is installed by a test
for program in g++ ninja; do command -v "$program" >/dev/null || stub "$program" 'exit 0'; done
export PATH=$scratch/bin:$PATH

status=0
demonstrate() {
  status=0
  (cd tree && ./dev run) >out 2>err </dev/null || status=$?
}

for n in 1 2 3; do echo "$n" >"lib/lib$n.so.$n"; done
demonstrate
equal "without documentation libraries are hashed" 0 "$status"
contains "so it says" "Hashing the 3 shared libraries" "$(cat out)"
contains "the check is told of" "agrees with all of them" "$(cat out)"
contains "the sum" "3 jobs, 0 failed" "$(cat out)"

stub sha256sum 'case $1 in --check) exit 1 ;; esac' "exec $(PATH=${PATH#*:} command -v sha256sum)"' "$@"'
demonstrate
equal "a digest that does not agree is a failure" 1 "$status"
contains "it is told" "sha256sum --check does not agree" "$(cat err)"
rm bin/sha256sum

for n in {1..200}; do echo "$n" | gzip >"share/$n.gz"; done
demonstrate
equal "with documentation it is checked" 0 "$status"
contains "so it says" "Checking the 200 .gz files" "$(cat out)"
contains "the sum" "200 jobs, 0 failed" "$(cat out)"
echo "no gzip" >share/200.gz
demonstrate
equal "a broken file is a failure" 123 "$status"
contains "the sum" "200 jobs, 1 failed" "$(cat out)"
rm share/200.gz

# On a terminal the bar knows how many there are.
needs_terminal
# The first job ends at once, and the others when the bar has told what is left; who has waited for half a minute
# gives up, for all.
stub gzip "mkdir $scratch/first 2>/dev/null && exit" "n=0" \
  "until grep -q ETA $scratch/typescript || test -e $scratch/enough; do" \
  "  n=\$((n + 1)); test \$n -lt 300 || : >$scratch/enough; sleep 0.1; done"
script -qefc "cd tree && ./dev run" typescript </dev/null >/dev/null
contains "the bar of the demonstration has a total" "/199  " "$(cat typescript)"
contains "and a time left" "ETA" "$(cat typescript)"
