#!/usr/bin/env bash
# The rules for Prometheus: promtool finds no fault, and each alert has a case in which it fires and
# one in which only a little is missing.
# shellcheck disable=SC1091,SC2154,SC2016  # lib.sh sets some; eval expands what is in quotes
. "$(dirname "$0")/../e2e/lib.sh"
needs promtool
cd "$ROOT/deploy/prometheus" || exit 1

out=$(promtool check rules --lint=all --lint-fatal rules.yaml 2>&1) || fault "promtool check rules" "$out"
out=$(promtool test rules rules_test.yaml 2>&1) || fault "promtool test rules" "$out"
equal "the chart's rules are these" ../helm/millpool/files/rules.yaml "$(readlink rules.yaml)"

alerts=$(sed -n 's/^ *- alert: //p' rules.yaml | sort)
holds "there are alerts" test -n "$alerts"
equal "each alert fires in a test" "$alerts" \
  "$(grep -o 'ALERTS{alertname="[A-Za-z]*"' rules_test.yaml | cut -d'"' -f2 | sort -u)"
equal "and has one in which it is silent" "$alerts" \
  "$(sed -n "s/^ *- name: '\([A-Za-z]*\): silent.*/\1/p" rules_test.yaml | sort -u)"

# within <alert> <sed command>: rules.yaml, with that done to the alert's expression.
within() { sed -E "/- alert: $1\$/,/^        (for|labels):/ { /- alert:/! { $2 } }" rules.yaml >"$scratch/rules.yaml"; }
for alert in $alerts; do
  # Only its own cases, and the first, which the others take series from.
  awk -v own="  - name: '$alert:" '/^  - name: / { taken = !cases++ || index($0, own) == 1 }
    !cases || taken' rules_test.yaml >"$scratch/rules_test.yaml"
  # Out of reach: a case that has to fire does not. In reach too soon: one that must not fire does.
  # Two alerts ask only whether there is something, and are turned round.
  for change in 's/ (>|==) ([0-9.]+)( |$)/ > 1e9\3/' 's/ > 0$/ > -1/; s/ (>|==) ([0-9.]+)( |$)/ > 0.4*\2\3/'; do
    case $alert in
      MillpoolNoPool) change='s/unless on/and on/' ;;
      MillpoolNotScraped) change='s/absent\((.*)\)/\1/' ;;
      MillpoolTargetDown) change=${change/> 0.4\*/>= } ;;  # 0 is as low as it gets
      MillpoolBreakerOpen | MillpoolPaused) change=${change/> 0.4/>= 0} ;;  # a state is 0 or 1
    esac
    within "$alert" "$change"
    holds "$alert: $change changes something" eval '! cmp -s rules.yaml "$scratch/rules.yaml"'
    holds "$alert: it is a rule even so" eval 'promtool check rules "$scratch/rules.yaml" >/dev/null 2>&1'
    holds "the tests of $alert see $change" eval '! promtool test rules "$scratch/rules_test.yaml" >/dev/null 2>&1'
  done
done

# A test that passes whatever the rules are would be none: with thresholds out of reach, or within
# reach too soon, it fails.
for change in 's/> 0\.9$/> 90/' 's/> 0\.05$/> 0.03/' 's/> 300$/> 200/' 's/reason!="closed"/reason!=""/' \
  's/"open|forced_open"/"open"/'; do
  sed "$change" rules.yaml >"$scratch/rules.yaml"
  cp rules_test.yaml "$scratch/"
  holds "$change changes something" eval '! cmp -s rules.yaml "$scratch/rules.yaml"'
  holds "the tests see $change" eval '! promtool test rules "$scratch/rules_test.yaml" >/dev/null 2>&1'
done
