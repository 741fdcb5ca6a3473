#!/bin/sh
# Fills /fetched with what pom.xml names, unless that is what it holds already. Each file has to have the
# SHA-256 of fetched.sha256.
set -eu

# The registry's image runs as a user whom the new volume does not belong to.
chmod 777 /registry

if cmp -s /button/pom.xml /fetched/pom.xml && cmp -s /button/fetched.sha256 /fetched/fetched.sha256; then
  exit
fi
rm -rf /fetched/*
mvn --batch-mode --no-transfer-progress --strict-checksums --file /button/pom.xml generate-resources -Dfolder=/fetched
# The listed files, as they were when they were listed, and no other.
cd /fetched
sha256sum --quiet --strict --check /button/fetched.sha256
if [ "$(find . -type f | wc -l)" -ne "$(wc -l < /button/fetched.sha256)" ]; then
  echo "Maven has fetched more than what is listed in fetched.sha256" >&2
  exit 1
fi
cp /button/fetched.sha256 /fetched/fetched.sha256
# Last, so that a fetch that broke off is done again.
cp /button/pom.xml /fetched/pom.xml
