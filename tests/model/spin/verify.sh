#!/usr/bin/env bash
# Usage: verify.sh <model.pml> [<name>]
# The head of a model lists its shapes and, below a shape, mutants: faults that are compiled in with
# #ifdef. Every shape must verify, and every mutant must fail in its shape: a model that passes all is
# none. With a name, that mutant only, and the steps that lead to the fault. 77: spin is not here.
set -euo pipefail
model=$(realpath "${1:?usage: verify.sh <model.pml> [<name>]}") only=${2:-}
command -v spin >/dev/null || { echo "skipped: spin is not installed (./dev setup test)"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
megabytes=1200
failures=0

# Leaves pan's report in `report`.
explore() {
  if ! { spin -a "${@/#/-D}" "$model" && gcc -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=$megabytes -o pan pan.c; } \
    >generated 2>&1
  then
    cat generated
    echo "FAILED: $model does not compile with $*"
    exit 1
  fi
  ./pan -m200000 >report 2>&1 || true  # its exit code is 0 where it found a fault, too
}

fault() { echo "FAILED: $*"; failures=$((failures + 1)); }

shape=()
while read -r kind first rest; do
  case $kind in
    shape)
      read -ra shape <<<"$first $rest"
      [[ -z $only ]] || continue
      explore "${shape[@]}"
      states=$(sed -n 's/^ *\([0-9]*\) states, stored$/\1/p' report)
      if grep -q 'errors: 0$' report && ! grep -qiE 'reached -DMEMLIM|max search depth too small|not completed' report
      then echo "verified, $states states: ${shape[*]}"
      else sed 's/^/  /' report; fault "${shape[*]}"
      fi ;;
    mutant)
      [[ -z $only || $only == "$first" ]] || continue
      explore "${shape[@]}" "$first"
      if grep -qE '^pan:[0-9]+: (invalid end state|assertion violated)' report
      then echo "caught: $first: $rest"
      else fault "$first is not caught in ${shape[*]}"
      fi
      [[ -z $only ]] || spin -k "$(basename "$model").trail" -p -g "${shape[@]/#/-D}" -D"$first" "$model" ;;
  esac
done < <(sed -n '1,/\*\//p' "$model" | grep -E '^ +(shape|mutant) ' | sed 's| *\*/$||')

# No fault can be compiled in that no list has; those of the shared file may be in another's.
while read -r file name; do
  [[ $file == *.inc ]] && lists=("${model%/*}"/*.pml) || lists=("$model")
  grep -qE "^ +(mutant $name|shape .*\b$name=)" "${lists[@]}" || fault "$name is in no list"
done < <(grep -HE '^#(ifn?def|elif|if) ' "$model" "${model%/*}"/*.inc |
  sed -nE 's/^([^:]*):.*[^A-Z_]([A-Z]+_[A-Z_]+|MEET|GROWS)\b.*/\1 \2/p' | sort -u)

((failures == 0)) || { echo "$failures faults"; exit 1; }
