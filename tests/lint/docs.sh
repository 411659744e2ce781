#!/usr/bin/env bash
# Usage: docs.sh <root>
# Code in the documentation is cut from files that are compiled and tested. A fence right below
#   <!-- from: examples/hello.cpp -->        shows that file, or
#   <!-- from: tests/a_test.cpp#name -->     what lies between its lines `// snippet: name` and
#                                            `// end snippet`, less the common indentation.
# Compared line by line. In README files, ARCHITECTURE.md and docs/guide a C++ fence without a source
# is a fault, unless the line above it is <!-- sketch --> .
set -euo pipefail
cd "${1:?usage: docs.sh <root>}"

# shellcheck disable=SC2016  # the dollars are for awk
find . \( -path ./.git -o -path ./build -o -path '*/node_modules' \) -prune -o -name '*.md' -print |
  sort | sed 's|^\./||' | xargs -r awk '
  function fault(why) { printf "%s:%d: %s\n", FILENAME, FNR, why; bad = 1 }

  # Fills want[1..wants] from "path" or "path#name". Returns 0 if there is no such thing.
  function load(source,   path, name, cut, line, inside, indent, least, i) {
    cut = index(source, "#")
    path = cut ? substr(source, 1, cut - 1) : source
    name = cut ? substr(source, cut + 1) : ""
    wants = 0
    inside = name == ""
    while ((getline line < path) > 0) {
      if (name != "" && line ~ "// snippet: " name "$") { inside = 1; continue }
      if (name != "" && line ~ /\/\/ end snippet/) { inside = 0; continue }
      if (inside) want[++wants] = line
    }
    close(path)
    if (name != "") {
      least = 1000
      for (i = 1; i <= wants; i++) {
        match(want[i], /^ */)
        if (want[i] != "" && RLENGTH < least) least = RLENGTH
      }
      for (i = 1; i <= wants; i++) want[i] = substr(want[i], least + 1)
    }
    return wants
  }

  FNR == 1 {
    if (fence) { printf "%s: a fence is left open\n", last; bad = 1 }
    fence = 0; source = ""; sketch = 0; last = FILENAME
    strict = FILENAME ~ /^(README[^\/]*\.md|ARCHITECTURE\.md|docs\/guide\/.*)$/
  }
  !fence && /^<!-- from: .* -->$/ {
    source = $0
    sub(/^<!-- from: /, "", source); sub(/ -->$/, "", source)
    next
  }
  !fence && /^<!-- sketch -->$/ { sketch = 1; next }
  !fence && /^```/ {
    fence = 1; at = 0; differs = 0
    compare = source != ""
    if (compare && !load(source)) { fault("nothing is found at " source); compare = 0 }
    if (source == "" && !sketch && strict && /^```(cpp|c\+\+)/)
      fault("C++ that no test compiles: name its source, <!-- from: ... -->")
    next
  }
  fence && /^```[ ]*$/ {
    if (compare && !differs && at != wants) fault(source " has " wants " lines, this has " at)
    fence = 0; source = ""; sketch = 0
    next
  }
  fence && compare && !differs {
    if ($0 != want[++at]) { fault("differs from " source ", line " at ": " want[at]); differs = 1 }
    next
  }
  !fence && source != "" && NF { fault("no fence below <!-- from: " source " -->"); source = "" }
  !fence && NF { sketch = 0 }
  END { if (fence) { printf "%s: a fence is left open\n", last; bad = 1 }; exit bad }
'
