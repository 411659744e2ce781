#!/usr/bin/env bash
# A process is asked to end in order: by `millpool drain`, and by a SIGTERM. It says so to probes,
# begins nothing new, and what runs ends as it would.
# shellcheck disable=SC1091,SC2154,SC2016  # lib.sh sets some; what is in quotes is for others
. "$(dirname "$0")/lib.sh"
needs curl
if ! "$millpool" --help | grep -q '^  drain'; then
  echo "skipped: this build has no admin server"
  exit 77
fi

run=
stop_all() {
  local status=$?
  [[ -n $run ]] && kill -KILL "$run" 2>/dev/null
  (exit "$status")
  finish
}
trap stop_all EXIT

# begin: a run with one job that says when it has begun, and ends when `gate` is opened; and more
# jobs, which must not begin.
begin() {
  rm -f begun gate more
  mkfifo gate
  printf '%s\n' 1 2 3 | "$millpool" run --admin 127.0.0.1:0 -j1 --shell 'if [ {} = 1 ]; then touch begun; read _ <gate; echo one; else touch more; fi' \
    >out 2>err &
  run=$!
  await "the first job begins" test -e begun
  await "it says where its server is" grep -q 'http://' err
  at=$(grep -o 'http://[^ ]*' err)
  at=${at#http://}
}
code() { curl -s -o /dev/null -w '%{http_code}' "http://$at/readyz"; }
is_draining() { [[ $(code) == 503 ]]; }
open_gate() { echo >gate; }
end() {
  wait "$run"
  status=$?
  run=
}

# ---- millpool drain
begin
equal "it is ready" 200 "$(code)"
"$millpool" drain --admin "$at" --timeout 60s >drained 2>&1 &
drain=$!
await "readyz says 503 while the job runs" is_draining
holds "and the process is alive" curl -sf -o /dev/null "http://$at/livez"
open_gate
end
wait "$drain"
equal "drain says that it has ended" 0 $?
equal "and nothing else" "" "$(cat drained)"
equal "what ran has ended as it would" one "$(cat out)"
equal "the rest is told by the status of a SIGTERM" 143 "$status"
holds "nothing new was begun" test ! -e more

# ---- it does not end in time
begin
"$millpool" drain --admin "$at" --timeout 200ms 2>late
equal "drain says that it has not ended" 1 $?
contains "and how long it waited" "has not ended within 200ms" "$(cat late)"
equal "it drains on" 503 "$(code)"
holds "that is not waited for with a timeout of 0" "$millpool" drain --admin "$at" --timeout 0
open_gate
end
equal "what ran has ended as it would" one "$(cat out)"

# ---- a SIGTERM
begin
kill -TERM "$run"
await "readyz says 503 after a SIGTERM" is_draining
# As a preStop hook of its own may: it must not end what runs.
holds "it may be asked to drain then" "$millpool" drain --admin "$at" --timeout 0
open_gate
end
equal "what ran has ended as it would" one "$(cat out)"
equal "the status is that of the signal" 143 "$status"
holds "nothing new was begun" test ! -e more

# ---- with a token
export MILLPOOL_ADMIN_TOKEN=secret
begin
MILLPOOL_ADMIN_TOKEN=wrong "$millpool" drain --admin "$at" 2>refused
equal "another token is refused" 2 $?
contains "and that is told" "it needs another MILLPOOL_ADMIN_TOKEN than this has" "$(cat refused)"
equal "nothing happened" 200 "$(code)"
# Past a proxy, which would get the token; and as a token comes from a file.
MILLPOOL_ADMIN_TOKEN=$'secret\n' http_proxy=http://127.0.0.1:1 "$millpool" drain --admin "$at" --timeout 0
equal "with the token it drains" 503 "$(code)"
open_gate
end
unset MILLPOOL_ADMIN_TOKEN

# ---- bad input
refused() {
  local claim=$1 said=$2
  shift 2
  "$millpool" drain "$@" >out 2>err
  equal "$claim: status" 2 $?
  equal "$claim: nothing on standard output" "" "$(cat out)"
  contains "$claim" "$said" "$(cat err)"
}
refused "nobody is there" "http://$at: " --admin "$at"
refused "no address" "--admin HOST:PORT is needed" --timeout 3s
refused "no port" "there is no port 0" --admin localhost:0
refused "no number" "--admin" --admin localhost:http
refused "no time" "--timeout" --admin localhost:9464 --timeout soon
refused "a word too many" "unexpected 'now'" --admin localhost:9464 now
