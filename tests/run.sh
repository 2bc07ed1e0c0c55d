#!/usr/bin/env bash
# Runs every test of the workspace, doc tests too. Arguments go to `cargo test`, for example
#   bash tests/run.sh partial_run
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

echo "+ cargo test --workspace --locked $*"
exec cargo test --workspace --locked "$@"
