# The six idempotency scenarios against a running system; see `cloudsync scenarios --help`.
# Settings come from the environment, or from what `cloudsync dev up` has left. Exits 1 when one of
# the scenarios ends otherwise than expected.
Push-Location (Join-Path $PSScriptRoot '..')
try {
  npx --no-install cloudsync scenarios --yes @args
  $code = $LASTEXITCODE
} finally {
  Pop-Location
}
exit $code
