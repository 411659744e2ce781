#!/usr/bin/env bash
# What --bar shows on a terminal. util-linux' script gives each run a terminal of its own.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"
needs_terminal
export SHELL=/bin/sh

# drawn <a line of the bar, as an extended regular expression> <before> <flags>: runs 200 jobs one at a time.
# Two end at once; the third waits until the bar was drawn like that, at the latest for a minute. Prints all
# that was drawn, a drawing a line, less the escape that clears the rest of a line.
drawn() {
  local expected=$1 job="test {} != 3 || read x <go" run turns=0
  rm -f screen go
  mkfifo go
  exec 5<>go
  script -qefc "$2 '$millpool' run -j1 --bar $3 sh -c '$job'" screen </dev/null >/dev/null &
  run=$!
  until drawings 2>/dev/null | grep -qE "$expected" || ((++turns > 600)); do sleep 0.1; done
  echo >&5
  wait $run
  exec 5<&-
  drawings
}
drawings() { tr '\r' '\n' <screen | sed 's/\x1b\[K//'; }

seq 200 >list
seq 200 | tr '\n' '\0' >list0
known='^  1% \[\.+\] 2/200  [0-9.]+/s  ETA [0-9hms ]+$'
for input in '<list' '-a list' '-0 <list0'; do
  screen=$(drawn "$known" '' "$input")
  holds "share, total, rate and time left with $input" grep -qE "$known" <<<"$screen"
  contains "the sum of it with $input" "200 succeeded, 0 failed" "$screen"
done

# A line that somebody has read is no job any more: job 3 is the second here. (read takes no byte too many.)
rest='^  0% \[\.+\] 1/199  '
holds "what is left of a file" grep -qE "$rest" <<<"$(drawn "$rest" 'exec <list; read -r _;' '')"

# How much a pipe will bring nobody knows.
unknown='^2  [0-9.]+/s$'
holds "rate alone with a pipe" grep -qE "$unknown" <<<"$(drawn "$unknown" 'cat list |' '')"
