# shellcheck shell=bash
# Sourced by the e2e scripts of millpool logs, after lib.sh.

# access_log <lines> [seed]: an access log, the same for the same arguments. Some lines are malformed,
# some have no size, one in a thousand has a quote in its path.
access_log() {
  awk -v lines="$1" -v seed="${2:-1}" 'BEGIN {
    srand(seed)
    split("200 200 200 200 301 304 404 500", status, " ")
    for (i = 0; i < lines; i++) {
      if (rand() < 0.001) { print "not a line of a log"; continue }
      s = int(i * 86400 / lines)
      path = "/page/" int(rand() * rand() * 300)
      if (rand() < 0.001) path = path "\\\"quoted\\\""
      bytes = rand() < 0.05 ? "-" : int(rand() * rand() * 100000)
      printf "10.0.%d.%d - - [17/May/2015:%02d:%02d:%02d +0000] \"GET %s HTTP/1.1\" %d %s \"-\" \"agent %d\"\n", \
        rand() * 4, rand() * 250, s / 3600, s / 60 % 60, s % 60, path, status[1 + int(rand() * 8)], bytes, rand() * 50
    }
  }'
}

# What awk says of such a log: sorted lines of "answer,key,value".
awk_says() {
  awk '
    !/^[0-9.]+ - - \[/ { bad++; next }
    {
      good++
      rest = $0
      sub(/^[^"]*"GET /, "", rest)
      at = index(rest, " HTTP/1.1\" ")
      path = substr(rest, 1, at - 1)
      split(substr(rest, at + 11), tail, " ")
      count["status," tail[1]]++
      count["path," path]++
      count["minute," substr($4, 2, 17)]++
      if (tail[2] != "-") { sum += tail[2]; n++ }
    }
    END {
      for (key in count) print key "," count[key]
      printf "sum,%.0f\n", sum
      print "numbers," n
      print "malformed," bad + 0
    }' "$@" | LC_ALL=C sort
}

# The same of what `millpool logs --count-by status --count-by path --histogram minute --sum bytes
# --csv` says on standard input.
millpool_says() {
  python3 -c '
import csv, datetime, sys
months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
out = []
for answer, field, key, value in csv.reader(sys.stdin):
    if answer == "count-by": out.append(f"{field},{key},{value}")
    if answer == "histogram":
        t = datetime.datetime.strptime(key, "%Y-%m-%d %H:%M")
        out.append(f"minute,{t:%d}/{months[t.month - 1]}/{t:%Y:%H:%M},{value}")
    if answer == "sum": out.append(f"sum,{value}")
    if key == "malformed": out.append(f"malformed,{value}")
sys.stdout.buffer.write("".join(line + "\n" for line in out).encode())' | LC_ALL=C sort
}

# eventually <claim> <command...>: until it holds, for at most 20 seconds.
eventually() {
  local claim=$1 end=$((SECONDS + 20))
  shift
  until "$@"; do
    ((SECONDS < end)) || { fault "$claim" "  $*"; return 1; }
    read -rt 0.05 <> <(:) || true
  done
}
