#!/usr/bin/env bash
# Usage: render_manifests.sh [DIR]
# Writes what the chart gives with its default values and an HPA to DIR (deploy/manifests), a file
# for each kind. For who has no Helm; the test deploy.charts checks that they are up to date.
# HELM names the program, unless it is found as helm.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${1:-$here/manifests}
made=$(mktemp -d)  # what is there stays, unless all of it could be made
trap 'rm -rf "$made"' EXIT
# The release has the chart's name, so that nothing is named twice.
"${HELM:-helm}" template millpool "$here/helm/millpool" --namespace default --set hpa.enabled=true |
  awk -v dir="$made" '
    function write() {
      if (kind == "") return
      file = dir "/" tolower(kind) ".yaml"
      printf "# Made by deploy/render_manifests.sh: change the chart instead.\n%s", text >file
      close(file)
    }
    /^---$/ { write(); text = kind = ""; next }
    /^# Source:/ || /^  namespace: "default"$/ { next }
    /managed-by: "Helm"$|helm\.sh\/chart:/ { next }
    /^kind: / { kind = $2 }
    { text = text $0 "\n" }
    END { write() }'
mkdir -p "$dir"
rm -f "$dir"/*.yaml
cp "$made"/*.yaml "$dir/"
