#!/usr/bin/env bash
# Installs the Debian packages that it is given and that are missing. Needs root only then.
set -euo pipefail

missing=()
for package; do
  [[ $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) == *' installed' ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0
echo "installing ${missing[*]}"
as_root=()
[[ $(id -u) == 0 ]] || as_root=(sudo)
"${as_root[@]}" apt-get -qq update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
