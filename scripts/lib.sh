# What the scripts share; sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
export CARGO_TARGET_DIR=$target

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Installs Debian packages where nobody has to be asked for a password; false where that can't be.
install_packages() {
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null || return 1
    printf 'installing %s\n' "$*"
    "${as_root[@]}" apt-get update -qq >/dev/null &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -qq --no-install-recommends "$@" >/dev/null
}

# python_with NAME REQUIREMENTS: prints the Python of a virtual environment that has what the file
# names. It is kept under target/ and made anew when the file or the interpreter has changed.
python_with() {
    local venv=$target/venv/$1 requirements=$2 made_from
    made_from=$(python3 --version && cat "$requirements") || return 1
    if [ "$(cat "$venv/made-from" 2>/dev/null)" != "$made_from" ]; then
        rm -rf "$venv"
        python3 -m venv "$venv" >&2 || return 1
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --requirement "$requirements" >&2 || return 1
        printf '%s\n' "$made_from" >"$venv/made-from"
    fi
    printf '%s\n' "$venv/bin/python"
}
