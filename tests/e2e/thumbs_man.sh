#!/usr/bin/env bash
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
man_page_is_clean "${ROOT:?the source tree}/docs/man/millpool-thumbs.1"
