# shellcheck shell=bash
# Each need_* finds one tool, says so in one line, and otherwise installs it or names the command that does.

MIN_RUST=1.95
MIN_NODE=20
CARGO_DENY_VERSION=0.20.2
APT_UPDATED=no

# apt_install WHAT FOR PACKAGE...: the last resort for a missing system tool.
apt_install() {
  local what=$1
  shift
  if ! is_root || ! have apt-get; then
    die "$what is missing: run 'sudo apt-get update && sudo apt-get install -y $*' (Debian, Ubuntu)" \
      "or install it with your system's package manager, then run this again"
  fi
  say "$what: installing $*"
  if [ "$APT_UPDATED" = no ]; then
    apt-get update -qq >&2 || die "$what: apt-get update failed; see above"
    APT_UPDATED=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 ||
    die "$what: apt-get could not install $*; see above"
}

need_rust() {
  have cargo rustc ||
    die "cargo or rustc is missing: install Rust $MIN_RUST or newer with rustup (https://rustup.rs)"
  local version
  version=$(rustc --version | cut -d ' ' -f 2)
  at_least "$MIN_RUST" "$version" ||
    die "rustc $MIN_RUST or newer is needed, found $version: run 'rustup update stable'"
  have cc || apt_install "a C compiler (for zstd and mimalloc)" gcc libc6-dev
  say "rust: $version"
}

need_clippy() {
  { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1 ||
    die "rustfmt or clippy is missing: run 'rustup component add rustfmt clippy'"
}

need_node() {
  have node npm || apt_install "Node.js" nodejs npm
  local version
  version=$(node --version | tr -d v)
  at_least "$MIN_NODE" "$version" ||
    die "Node.js $MIN_NODE or newer is needed, found $version: install a current one (https://nodejs.org)"
  say "node: $version"
}

# npm_packages STAMP WHAT FOLDER FILE: a folder's packages, exactly as locked; FILE of node_modules is there once they are. Fails
# where npm does.
npm_packages() {
  local stamp=$1 what=$2 folder=$3 file=$4
  if ! made "$stamp" "$folder/node_modules/$file" "$folder/package-lock.json"; then
    say "$what: npm ci in $folder"
    npm ci --prefix "$folder" --prefer-offline --no-audit --no-fund --loglevel=error >&2 || return 1
    mark_made "$stamp" "$folder/package-lock.json"
  fi
  say "$what: as locked"
}

# wasm-opt, Vite, Playwright.
need_dev_packages() { npm_packages dev-packages "development packages" "$DEV" .bin/wasm-opt; }

# What the example apps are built with: Next.js, Vite and its plugins.
install_app_packages() { npm_packages app-packages "packages of the example apps" "$APPS" next/package.json; }

# cargo_tool PROGRAM CRATE VERSION: our own copy, so that no other project's version is replaced.
cargo_tool() {
  local program=$1 crate=$2 version=$3
  if [ "$("$TOOLS/bin/$program" --version 2>/dev/null)" != "$program $version" ]; then
    say "$program: compiling $version (some minutes, once)"
    # Not --locked: a lock file inside the crate may name versions that were withdrawn since.
    # Its own build folder, so that this project's is not rebuilt for other features.
    CARGO_TARGET_DIR="$CACHE/tools-build" \
      cargo install --quiet "$crate" --version "$version" --force --root "$TOOLS" >&2
    rm -rf "$CACHE/tools-build"
  fi
  say "$program: $version"
}

# wasm-bindgen's program and library must be of the same version.
need_wasm_bindgen() {
  local version
  version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)
  [ -n "$version" ] || die "Cargo.lock names no version of wasm-bindgen: run 'cargo update --workspace'"
  cargo_tool wasm-bindgen wasm-bindgen-cli "$version"
}

need_cargo_deny() { cargo_tool cargo-deny cargo-deny "$CARGO_DENY_VERSION"; }

need_shellcheck() {
  have shellcheck || apt_install "shellcheck" shellcheck
  say "shellcheck: there"
}

# Exports CHROMIUM, if there is one.
find_chromium() {
  CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
  export CHROMIUM
  [ -n "$CHROMIUM" ]
}

need_chromium() {
  find_chromium || apt_install "Chromium (for the browser tests)" chromium fonts-dejavu-core
  { find_chromium && [ -x "$CHROMIUM" ]; } || die "CHROMIUM names no program: '$CHROMIUM'"
  say "chromium: $CHROMIUM"
}

# The GPU tests need a Vulkan driver; lavapipe is one that runs on any processor.
need_vulkan() {
  local loader drivers
  loader=$(find_first 'libvulkan.so.1' /usr/lib /usr/lib64 /usr/local/lib /lib)
  drivers=$(find_first '*.json' /usr/share/vulkan/icd.d /etc/vulkan/icd.d)
  if [ "$(uname -s)" = Linux ] && { [ -z "$loader" ] || [ -z "$drivers" ]; }; then
    apt_install "a Vulkan driver (for the GPU tests)" mesa-vulkan-drivers libvulkan1
  fi
  say "vulkan: a driver is there"
}

# find_first NAME FOLDER...: the first such file, or nothing; folders may be missing, which is no failure.
find_first() {
  local name=$1
  shift
  find "$@" -name "$name" -print -quit 2>/dev/null || true
}
