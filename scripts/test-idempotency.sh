#!/usr/bin/env bash
# The six idempotency scenarios against a running system; see `cloudsync scenarios --help`.
# Settings come from the environment, or from what `cloudsync dev up` has left. Exits 1 when one of
# the scenarios ends otherwise than expected.
set -euo pipefail
cd "$(dirname "$0")/.."
exec npx --no-install cloudsync scenarios --yes "$@"
