#!/usr/bin/env bash
# All tests with all parameter sets and Hypothesis examples: some 16 CPU minutes. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
exec pytest -n auto --thorough "$@"
