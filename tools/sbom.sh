#!/usr/bin/env bash
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#
# Writes the components that build, test and ship fractile as CycloneDX: build/sbom/python.cdx.json of tools/requirements-dev.txt (by
# cyclonedx-bom), build/sbom/web.cdx.json of web/package-lock.json (by npm, if it is installed), build/sbom/debian.cdx.json of
# tools/apt-packages.txt and its dependencies, as installed here (by debsbom).
set -euo pipefail
cd "$(dirname "$0")/.."
tools=build/sbom/tools
[ -x $tools/bin/debsbom ] || { python3 -m venv $tools && $tools/bin/pip install -q cyclonedx-bom==7.5.0 debsbom==0.10.2; }
$tools/bin/cyclonedx-py requirements tools/requirements-dev.txt --pyproject pyproject.toml --output-reproducible \
  -o build/sbom/python.cdx.json 2>/dev/null
if command -v npm >/dev/null; then
  npm --prefix web sbom --sbom-format=cyclonedx --package-lock-only >build/sbom/web.cdx.json
fi
needed=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
  $(cat tools/apt-packages.txt) | grep -E '^[a-z0-9]' | sort -u)
# shellcheck disable=SC2086
dpkg-query -W -f='${db:Status-Abbrev}${Package} ${Version} ${Architecture}\n' $needed 2>/dev/null | sed -n 's/^ii *//p' |
  $tools/bin/debsbom generate --from-pkglist --distro-arch "$(dpkg --print-architecture)" -t cdx -o build/sbom/debian >/dev/null 2>&1
ls build/sbom/*.cdx.json
