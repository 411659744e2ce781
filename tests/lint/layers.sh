#!/usr/bin/env bash
# Usage: layers.sh <root>
# Every #include line obeys the layers: a room includes itself and those below it; the two rooms of
# layer 1 do not know each other, nor do the two of layer 2; the library uses the standard library
# and Linux, nothing else; apps see public headers and apps/support. Headers have #pragma once.
set -euo pipefail
cd "${1:?usage: layers.sh <root>}"

# shellcheck disable=SC2016  # the dollars are for awk
{ find include src apps tests bench examples -name '*.[ch]pp' 2>/dev/null || true; } | sort |
  xargs -r awk '
  BEGIN {
    below["base"]      = "base"
    below["sync"]      = "sync base"
    below["telemetry"] = "telemetry base"
    below["channel"]   = "channel sync telemetry base"
    below["result"]    = "result sync telemetry base"
    below["pool"]      = "pool channel result sync telemetry base"
    below["policy"]    = "policy " below["pool"]
    below["jobs"]      = "jobs " below["policy"]
  }

  function fault(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0; bad = 1 }
  function has(list, word) { return index(" " list " ", " " word " ") > 0 }

  FNR == 1 {
    finish()
    file = FILENAME
    header = FILENAME ~ /\.hpp$/
    once = 0
    split(FILENAME, part, "/")
    tree = part[1]
    room = tree == "include" ? part[3] : part[2]
    umbrella = FILENAME == "include/millpool/millpool.hpp"
    library = tree == "include" || tree == "src"
    if (library && !umbrella && !(room in below)) fault("no layer is called " room)
  }
  function finish() {
    if (file != "" && header && !once) { printf "%s:1: no #pragma once\n", file; bad = 1 }
  }
  /^#pragma once/ { once = 1 }

  !/^[ \t]*#[ \t]*include/ { next }
  !match($0, /["<][^">]+[">]/) { fault("not a plain include"); next }
  {
    quoted = substr($0, RSTART, 1) == "\""
    path = substr($0, RSTART + 1, RLENGTH - 2)
    n = split(path, to, "/")
  }
  path ~ /\.\./ || (quoted && n == 1) { fault("includes are written from the root"); next }
  !quoted && to[1] ~ /^(millpool|src|apps|tests|bench)$/ { fault("ours is included with quotes"); next }

  library && !quoted && n > 1 && to[1] !~ /^(sys|linux|asm|netinet|arpa)$/ {
    fault("the library needs the standard library and Linux, nothing else"); next
  }
  library && quoted && to[1] == "explore" {  # the shim that lets interleavings be explored
    if (!has("base sync", room)) fault("only base and sync know the explorer")
    next
  }
  library && quoted && !(to[1] == "millpool" || (to[1] == "src" && tree == "src")) {
    fault("the library includes the library only"); next
  }
  library && quoted && to[1] == "src" && to[2] != room { fault("a private header of another room"); next }
  library && quoted && to[1] == "millpool" && !umbrella {
    if (n == 2) fault("the umbrella is for users")
    else if (!has(below[room], to[2])) fault(room " must not know " to[2])
    next
  }

  tree == "apps" && header && !quoted && to[1] ~ /^(CLI|nlohmann)$/ && path !~ /_fwd\.hpp$/ {
    fault("slow to compile: in a .cpp only"); next
  }
  tree == "apps" && quoted && to[1] != "millpool" {
    # part[2] is support or the program; in a program part[3] is a subcommand, or main.cpp, which
    # lists them.
    if (to[1] != "apps") fault("apps see public headers and apps/ only")
    else if (to[2] == "support") next
    else if (room == "support") fault("apps/support knows no program")
    else if (to[2] != room) fault("a program does not know another")
    else if (part[4] != "" && n > 3 && to[3] != part[3]) fault("a subcommand does not know another")
    next
  }
  tree == "examples" && quoted && to[1] != "millpool" { fault("an example is a user"); next }
  END { finish(); exit bad }
'
