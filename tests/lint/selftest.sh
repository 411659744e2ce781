#!/usr/bin/env bash
# Plants each fault that a lint should catch into a small tree that is clean, and sees it caught:
# with a failing exit code, and a line that names the file. A lint that passes all is no lint.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0
cases=0

write() {
  mkdir -p "$(dirname "$tree/$1")"
  printf '%s\n' "${@:2}" >"$tree/$1"
}

# A tree without a fault.
clean() {
  rm -rf "$tree"
  mkdir -p "$tree"
  write include/millpool/millpool.hpp '#pragma once' '#include "millpool/base/clock.hpp"'
  write include/millpool/base/clock.hpp '#pragma once' '#include <chrono>'
  write include/millpool/pool/pool.hpp '#pragma once' '#include "millpool/base/clock.hpp"'
  write src/pool/pool.cpp '#include "millpool/pool/pool.hpp"' '#include "src/pool/own.hpp"' '#include <sys/syscall.h>'
  write src/pool/own.hpp '#pragma once'
  write src/CMakeLists.txt 'millpool.hpp'
  write src/base/CMakeLists.txt 'millpool_add_layer(base HEADERS clock.hpp)'
  write src/pool/CMakeLists.txt 'millpool_add_layer(pool HEADERS pool.hpp SOURCES pool.cpp)'
  write apps/tool/main.cpp '#include "apps/tool/run/run.hpp"' '#include "apps/support/flags.hpp"'
  write apps/tool/run/run.hpp '#pragma once' '#include "millpool/pool/pool.hpp"'
  write apps/support/flags.hpp '#pragma once'
  write apps/tool/CMakeLists.txt 'add_executable(tool main.cpp)'
  write tests/pool/pool_test.cpp '#include "millpool/pool/pool.hpp"' '  // snippet: use' '  int x;' '' '    int y;' '  // end snippet'
  write tests/pool/CMakeLists.txt 'millpool_add_tests(pool SOURCES pool_test.cpp)'
  write examples/hello.cpp 'int main() {}'
  write README.md '# Tool' '<!-- from: examples/hello.cpp -->' '```cpp' 'int main() {}' '```' \
    '<!-- from: tests/pool/pool_test.cpp#use -->' '```cpp' 'int x;' '' '  int y;' '```' \
    '<!-- sketch -->' '```cpp' 'pool.submit(…);' '```'
}

passes() {
  local lint=$1 out
  cases=$((cases + 1))
  out=$(bash "$here/$lint.sh" "$tree" 2>&1) && [[ -z $out ]] && return
  echo "FAILED: $lint does not pass a clean tree: $out"
  failures=$((failures + 1))
}

# catches <lint> <what the report must contain>: in the tree as it is now; then cleans it.
catches() {
  local lint=$1 expected=$2 out status=0
  cases=$((cases + 1))
  out=$(bash "$here/$lint.sh" "$tree" 2>&1) || status=$?
  if ((status == 0)) || [[ $out != *"$expected"* ]]; then
    echo "FAILED: $lint (exit $status) does not say '$expected': $out"
    failures=$((failures + 1))
  fi
  clean
}

clean
for lint in layers listed words docs; do passes "$lint"; done

write include/millpool/base/clock.hpp '#pragma once' '#include "millpool/pool/pool.hpp"'
catches layers 'base/clock.hpp:2: base must not know pool'
write include/millpool/sync/a.hpp '#pragma once' '#include "millpool/telemetry/b.hpp"'
catches layers 'sync must not know telemetry'
write include/millpool/result/a.hpp '#pragma once' '#include "millpool/channel/b.hpp"'
catches layers 'result must not know channel'
write include/millpool/pool/pool.hpp '#pragma once' '#  include "millpool/policy/b.hpp"'
catches layers 'pool must not know policy'
write src/pool/pool.cpp '#include "millpool/millpool.hpp"'
catches layers 'src/pool/pool.cpp:1: the umbrella is for users'
write src/pool/pool.cpp '#include "src/base/private.hpp"'
catches layers 'a private header of another room'
write include/millpool/pool/pool.hpp '#pragma once' '#include "src/pool/own.hpp"'
catches layers 'the library includes the library only'
write src/pool/pool.cpp '#include "../base/clock.hpp"'
catches layers 'includes are written from the root'
write src/pool/pool.cpp '#include "own.hpp"'
catches layers 'includes are written from the root'
write src/pool/pool.cpp '#include <boost/asio.hpp>'
catches layers 'the standard library and Linux, nothing else'
write src/pool/pool.cpp '#include <millpool/pool/pool.hpp>'
catches layers 'ours is included with quotes'
write src/pool/pool.cpp '#include "apps/support/flags.hpp"'
catches layers 'the library includes the library only'
write src/pool/pool.cpp '#include "explore/atomic.hpp"'
catches layers 'only base and sync know the explorer'
write src/misc/a.cpp '// a room that is none'
catches layers 'no layer is called misc'
write include/millpool/base/clock.hpp '#include <chrono>'
catches layers 'base/clock.hpp:1: no #pragma once'
write apps/tool/main.cpp '#include "src/pool/own.hpp"'
catches layers 'apps see public headers'
write apps/tool/run/run.hpp '#pragma once' '#include "apps/tool/serve/serve.hpp"'
catches layers 'a subcommand does not know another'
write apps/support/flags.hpp '#pragma once' '#include "apps/tool/run/run.hpp"'
catches layers 'apps/support knows no program'
write apps/support/flags.hpp '#pragma once' '#include <CLI/CLI.hpp>'
catches layers 'slow to compile'
write examples/hello.cpp '#include "src/pool/own.hpp"'
catches layers 'an example is a user'

write include/millpool/base/errors.hpp '#pragma once'
catches listed 'include/millpool/base/errors.hpp:1: not named in src/base/CMakeLists.txt'
write src/pool/worker.cpp '// a body'
catches listed 'src/pool/worker.cpp:1: not named'
write tests/pool/worker_test.cpp '// a test that never runs'
catches listed 'tests/pool/worker_test.cpp:1: not named'
write apps/tool/run/run.cpp '// looked for in the list above'
catches listed 'apps/tool/run/run.cpp:1: not named in apps/tool/CMakeLists.txt'

write README.md 'See /wor''k/main.'
catches words 'README.md:1'
write src/pool/pool.cpp '// TOD''O: later'
catches words 'src/pool/pool.cpp:1'
write tests/pool/pool_test.cpp 'std::this_thread::sleep_fo''r(1ms);'
catches words 'pool_test.cpp:1'
write src/pool/pool.cpp 'int x; '
catches words 'trailing blanks'
write src/pool/pool.cpp '<<<<<<''< mine'
catches words 'a conflict marker'
mkdir -p "$tree/docs/adr"
catches words './docs/adr: an empty folder'

write README.md '<!-- from: examples/hello.cpp -->' '```cpp' 'int main() { }' '```'
catches docs 'README.md:3: differs from examples/hello.cpp, line 1'
write README.md '<!-- from: examples/hello.cpp -->' '```cpp' '```'
catches docs 'has 1 lines, this has 0'
write README.md '<!-- from: examples/gone.cpp -->' '```cpp' 'int main() {}' '```'
catches docs 'nothing is found at examples/gone.cpp'
write README.md '<!-- from: tests/pool/pool_test.cpp#use -->' '```cpp' '  int x;' '```'
catches docs 'differs from tests/pool/pool_test.cpp#use, line 1'
write README.md '```cpp' 'int main() {}' '```'
catches docs 'README.md:1: C++ that no test compiles'
write README.md '<!-- from: examples/hello.cpp -->' 'Some words.'
catches docs 'no fence below'
write README.md '```sh' './dev run'
catches docs 'a fence is left open'

echo "$cases cases, $failures failed"
((failures == 0))
