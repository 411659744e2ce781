#!/usr/bin/env bash
# The output of jobs: each job's in one piece, every byte of it, whatever else goes on.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"

# Three writes with other jobs between them, the last without a newline.
job='printf "{}a\n{}b\n"; printf "{}c"; printf "{}e" >&2'
seq 1000 | "$millpool" run -j8 sh -c "$job" >out 2>err
equal "no byte is lost" "$(seq 1000 | sed 's/\(.*\)/\1a\n\1b\n\1c/' | tr -d '\n' | wc -c)" "$(tr -d '\n' <out | wc -c)"
equal "nor on standard error" "$(seq 1000 | sed 's/$/e/' | tr -d '\n' | wc -c)" "$(wc -c <err)"
# a line "Nb" always follows "Na", and "Nc" begins the line after, glued to the next job's "Ma"
holds "no job's output is cut by another's" awk '
  { split($0, part, "c"); line = $0 }
  NR % 2 == 1 { a = $0; sub(/^[0-9]*c/, "", a); sub(/a$/, "", a); if (NR > 1) { c = $0; sub(/c.*/, "", c); if (c != b) exit 1 } }
  NR % 2 == 0 { b = $0; sub(/b$/, "", b); if (a != b) exit 1 }' out

seq 1000 | "$millpool" run -j8 -k sh -c "$job" >out 2>err
equal "-k orders every byte" "$(seq 1000 | while read -r n; do printf '%sa\n%sb\n%sc' "$n" "$n" "$n"; done | cksum)" "$(cksum <out)"
equal "-k orders standard error too" "$(seq 1000 | while read -r n; do printf '%se' "$n"; done | cksum)" "$(cksum <err)"

equal "100 MB a job" 300000000 "$("$millpool" run -j3 -k head -c 100000000 ::: /dev/zero /dev/zero /dev/zero | wc -c)"

# Who leaves a process behind: what that one writes later is nobody's output, and nobody else's either.
mkfifo go
out=$("$millpool" run -j1 -k sh -c '{}' ::: \
  '(read x <go; echo late) & echo one' \
  'echo >go; echo two' \
  'setsid sh -c "read x <go; echo later" & echo three' \
  'echo >go; sleep 0.1; echo four')
equal "late output goes nowhere" $'one\ntwo\nthree\nfour' "$out"

# Whom jobs leave behind is taken away when dead, wherever the output goes: the last job counts zombies.
cat >count <<'JOB'
read -ra all </proc/$PPID/task/$PPID/children
dead=0
for pid in "${all[@]}"; do grep -qs '^State:.Z' "/proc/$pid/status" && dead=$((dead + 1)); done
echo "$dead" >zombies
JOB
for flag in -k -u --results=results; do
  { for _ in {1..40}; do echo '(exec true) & exit'; done; echo 'exec bash ./count'; } |
    "$millpool" run -j1 "$flag" bash -c '{}'
  holds "no zombies pile up with $flag" test "$(cat zombies)" -le 10
done

# --priority is kept however long a job waits: what waits here is older than a second, and than the pool's aging.
equal "a low priority does not age past a high one" "$(seq 21 -1 1)" \
  "$({ echo 7 1; echo 0 21 1.3; for n in {20..2}; do echo "0 $n"; done; } |
    "$millpool" run -j1 --priority 1 --colsep ' ' sh -c 'sleep ${2:-0}; echo $1' sh {2} {3})"

# A reader that leaves ends the run, quietly.
seq 100000 | "$millpool" run -j2 echo 2>err | head -1 >out
status=("${PIPESTATUS[@]}")
equal "exit status when nobody reads" 141 "${status[1]}"
equal "without a word" "" "$(cat err)"

# A slow reader, through a pipe that somebody made non-blocking.
if command -v python3 >/dev/null; then
  python3 - "$millpool" >out <<'PY'
import fcntl, os, subprocess, sys
r, w = os.pipe()
fcntl.fcntl(w, fcntl.F_SETFL, fcntl.fcntl(w, fcntl.F_GETFL) | os.O_NONBLOCK)
p = subprocess.Popen([sys.argv[1], "run", "-j2", "head", "-c", "300000", ":::"] + ["/dev/zero"] * 5, stdout=w)
os.close(w)
total = 0
while True:
    got = os.read(r, 1000)
    if not got:
        break
    total += len(got)
print(total, p.wait())
PY
  equal "a non-blocking pipe loses nothing" "1500000 0" "$(cat out)"
fi

# JSON: one object a line, whatever the job writes.
"$millpool" run -k --json sh -c 'printf "\377{}\n\t\""; exit {}' ::: 0 3 >out
equal "exit status with --json" 123 $?
equal "two lines" 2 "$(wc -l <out)"
contains "what a job wrote" '"exit":3,"signal":0,"attempt":1,"stdout":"�3\n\t\"","stderr":""}' "$(tail -1 out)"
if command -v jq >/dev/null; then
  equal "jq reads it" $'0 0\n3 3' "$(jq -r '"\(.args[0]) \(.exit)"' out)"
fi

equal "--ungroup runs the jobs too" "$(seq 50)" "$(seq 50 | "$millpool" run -j4 -u echo | sort -n)"

# A terminal's bar goes to standard error; where that is none, a summary line is all of a short run.
"$millpool" run --bar true ::: 1 2 3 2>err
contains "the summary" "3 succeeded, 0 failed" "$(cat err)"
