#!/usr/bin/env bash
# Somebody is told when a run's pool is in trouble, as a file says; the file may change, and so it may
# over HTTP.
# shellcheck disable=SC1091,SC2154,SC2016  # lib.sh sets some; what is in quotes is for others
. "$(dirname "$0")/lib.sh"
needs curl python3
if ! "$millpool" run --help | grep -q -e --alarms; then
  echo "skipped: this build has no admin server"
  exit 77
fi

run=
hook=
stop_all() {
  local status=$?
  kill -KILL ${run:+"$run"} ${hook:+"$hook"} 2>/dev/null
  (exit "$status")
  finish
}
trap stop_all EXIT

# ---- a file that is wrong
echo '{"rules": [{"item": "capacity", "count": -1}]}' >wrong.json
echo x | "$millpool" run --alarms wrong.json echo >out 2>err
equal "a wrong file: status" 2 $?
contains "a wrong file: its place" "wrong.json: rules[0].count: must be a whole number, is -1" "$(cat err)"
equal "a wrong file: nothing was run" "" "$(cat out)"
echo x | "$millpool" run --alarms nowhere.json echo >out 2>err
equal "no such file: status" 2 $?
contains "no such file" "nowhere.json: it cannot be read" "$(cat err)"

# ---- a bot
cat >hook.py <<'EOF2'
import http.server
class hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open("posted", "ab") as to:
            to.write(self.path.encode() + b" " + body + b"\n")
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), hook)
print(server.server_address[1], flush=True)
server.serve_forever()
EOF2
python3 hook.py >port &
hook=$!
await "the hook listens" test -s port
bot=http://127.0.0.1:$(cat port)

# ---- a run whose only worker is busy: all workers are in a task
cat >alarms.json <<EOF2
{"interval": 0.05,
 "rules": [{"item": "liveness", "threshold": 1, "count": 2, "period": 60, "silence": 3600}],
 "sinks": [{"type": "log"}, {"type": "webhook", "url": "$bot/all"}, {"type": "feishu", "url": "$bot/feishu"}]}
EOF2
mkfifo gate && exec 8<>gate
seq 3 | "$millpool" run --admin 127.0.0.1:0 --alarms alarms.json -j1 --shell 'read _ <gate; echo {}' >out 2>err &
run=$!
await "the alarm is a line on standard error" grep -q "alarm liveness: pool 'run': " err
await "and a POST" grep -q '^/all {"pool":"run","item":"liveness"' posted
await "in a bot's words, too" grep -q '^/feishu {"msg_type":"text"' posted

# ---- another file, while it runs
cat >next.json <<EOF2
{"interval": 0.05, "rules": [{"item": "liveness", "threshold": 0.5, "silence": 3600}],
 "sinks": [{"type": "dingtalk", "url": "$bot/dingtalk"}]}
EOF2
mv next.json alarms.json
await "what the new file says holds" grep -q '^/dingtalk {"msgtype":"markdown"' posted
url=$(grep -o 'http://[^ ]*' err | head -n 1)
contains "the server tells it" '"type":"dingtalk"' "$(curl -s "$url/api/v1/alarms")"
contains "and what is secret it does not" '"url":"http://127.0.0.1' "$(curl -s "$url/api/v1/alarms")"
[[ $(curl -s "$url/api/v1/alarms") == */dingtalk\"* ]] && fault "the rest of the URL is shown"
contains "the change is in the log" 'alarms from alarms.json' "$(curl -s "$url/api/v1/log")"

# ---- over HTTP
answer=$(curl -s -H 'Content-Type: application/json' -d '{"rules": []}' "$url/api/v1/alarms")
contains "options over HTTP" '"changes":[{"name":"alarms"' "$answer"
contains "are in force" '"rules":[]' "$(curl -s "$url/api/v1/alarms")"

printf "%s\n" 1 2 3 >&8
wait "$run"
equal "the run ends as it would" 0 $?
run=
equal "and has done its work" "1 2 3" "$(sort out | xargs)"
