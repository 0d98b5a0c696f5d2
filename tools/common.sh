# shellcheck shell=bash
# Shared by build.sh and the files beside this one: where things live, and how steps speak.

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/foreclick/target}"
CACHE="$HOME/.cache/foreclick"
TOOLS="$CACHE/tools"
DEV="tests/browser" # package.json and lock file of the development tools
APPS="tests/packaging" # package.json and lock file of what the example apps are built with
FORECLICK="$CARGO_TARGET_DIR/release/foreclick"

say() { printf '==> %s\n' "$*" >&2; }

# die MESSAGE: exit 2 is an error, as in the companion (1 is a missed gate).
die() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

# have PROGRAM...: are all of them there?
have() { command -v "$1" >/dev/null 2>&1 && { [ $# -eq 1 ] || have "${@:2}"; }; }

is_root() { [ "$(id -u)" -eq 0 ]; }

# at_least WANTED GOT: compares dotted versions.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# stamp_of WORD|FILE|FOLDER...: one hash of the contents of all that is named (a word stands for itself).
stamp_of() {
  local input
  for input in "$@"; do
    if [ -e "$input" ]; then
      find -L "$input" -type f -print0 | sort -z | xargs -0 -r sha256sum
    else
      printf '%s\n' "$input"
    fi
  done | sha256sum | cut -d ' ' -f 1
}

# made NAME OUTPUT INPUT...: is OUTPUT there, made from just these inputs?
# Contents are compared, not times: a checkout or another mode must not pass for up to date.
made() {
  local name=$1 output=$2
  shift 2
  [ -e "$output" ] && [ -f "build/stamps/$name" ] && [ "$(cat "build/stamps/$name")" = "$(stamp_of "$@")" ]
}

# mark_made NAME INPUT...: remember what NAME was made from.
mark_made() {
  local name=$1
  shift
  mkdir -p build/stamps
  stamp_of "$@" >"build/stamps/$name"
}
