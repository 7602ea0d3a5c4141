#!/usr/bin/env bash
# install.sh PACKAGE…: installs the Debian packages that are missing. It needs root or sudo only if one is missing.
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
