#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Installs the missing ones of the named Debian packages with apt, as root or through sudo, and lists them.
#   tools/install_packages.sh PACKAGE...
set -euo pipefail
missing=()
for package in "$@"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
as_root=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "== These Debian packages are missing, and neither root nor sudo is available to install them: ${missing[*]}"
    exit 1
  }
  as_root=sudo
fi
echo "== Installing Debian packages: ${missing[*]}"
$as_root apt-get -o DPkg::Lock::Timeout=200 update -q >/dev/null
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=200 install -q -y --no-install-recommends "${missing[@]}" >/dev/null
