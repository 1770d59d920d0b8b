#!/bin/sh
# Creates the namespace once the server is healthy. Safe to run again: one that exists is kept as it is.
set -eu

attempts=60
until temporal operator cluster health --address "$TEMPORAL_ADDRESS"; do
  attempts=$((attempts - 1))
  if [ "$attempts" -eq 0 ]; then
    echo "Temporal at $TEMPORAL_ADDRESS did not become healthy" >&2
    exit 1
  fi
  sleep 2
done

# The server accepts namespaces some seconds after it calls itself healthy.
attempts=30
until temporal operator namespace describe --address "$TEMPORAL_ADDRESS" --namespace "$NAMESPACE" ||
  temporal operator namespace create --address "$TEMPORAL_ADDRESS" --namespace "$NAMESPACE" \
    --retention "$RETENTION"; do
  attempts=$((attempts - 1))
  if [ "$attempts" -eq 0 ]; then
    echo "namespace $NAMESPACE could not be created" >&2
    exit 1
  fi
  sleep 2
done
