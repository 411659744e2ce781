#!/usr/bin/env bash
# Usage: tidy_selftest.sh <root>
# Plants faults that clang-tidy should catch with the project's list, and a text that it should
# pass. Exits 77 (skipped) where there is no clang-tidy-19.
set -euo pipefail
root=${1:?usage: tidy_selftest.sh <root>}
command -v clang-tidy-19 >/dev/null || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect <check, or nothing> <code>
expect() {
  printf '%s\n' "$2" >"$work/a.cpp"
  local status=0 out
  out=$(clang-tidy-19 --quiet --config-file="$root/.clang-tidy" "$work/a.cpp" -- -std=c++2b 2>&1) || status=$?
  if [[ -z $1 && $status == 0 ]] || [[ -n $1 && $status != 0 && $out == *"[$1"* ]]; then return; fi
  echo "FAILED: expected '${1:-nothing}' of: $2"
  echo "$out"
  failures=$((failures + 1))
}

expect '' 'template <class Value> concept whole = __is_integral(Value);
template <whole Value> class box {
 public:
  static constexpr int size_max = 3;
  [[nodiscard]] Value get() const { return value_; }
 private:
  Value value_{};
};
template <int count> struct row { using T = int; T first; };
class place { const int x_ = 1; static constexpr int y_ = 2; };
enum class state : unsigned char { open, closed };'
expect readability-identifier-naming 'class Box {};'
expect readability-identifier-naming 'class box { int value = 0; };'
expect readability-identifier-naming 'void doIt();'
expect readability-identifier-naming '#define ASSERT(x) x'
expect readability-identifier-naming 'template <class value_type> class box {};'
expect bugprone-use-after-move 'namespace std { template <class T> T&& move(T& x) { return static_cast<T&&>(x); } }
struct value { value(); value(value&&); int get(); };
int twice() { value a; value b = std::move(a); return a.get() + b.get(); }'
expect misc-unused-parameters 'int twice(int n) { return 2; }'

((failures == 0))
