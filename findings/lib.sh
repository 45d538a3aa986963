# What the findings share; sourced, never run. Each finding installs pinned public packages in a temporary folder, runs
# them without Farebox, and fails if what it saw has changed.
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX")
trap 'rm -rf "$work"' EXIT

# python_packages NAME==VERSION…: a virtual environment with them, as $python.
python_packages() {
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$@"
    python=$work/venv/bin/python
}

# node_packages NAME@VERSION…: the same of npm's, for scripts that run in $work.
node_packages() {
    (cd "$work" && npm init --yes >/dev/null && npm install --silent --no-fund --no-audit --ignore-scripts "$@")
}
