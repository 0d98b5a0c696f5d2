# shellcheck shell=bash
# The WebAssembly target: rustup's where rustup can fetch it, otherwise one built from Debian's sources.

WASM=wasm32-unknown-unknown
WASM_FLAGS=(--locked --target "$WASM" --no-default-features)
DEBIAN_RUSTC=/usr/bin/rustc # of the package rustc-web; it must not shadow rustup's for native builds
DEBIAN_CLIPPY=/usr/bin/cargo-clippy
DEBIAN_LINKER="wasm-ld-22"

# has_wasm RUSTC: does this compiler have the target's standard library, and is it new enough?
has_wasm() {
  local libdir
  [ -x "$(command -v "$1")" ] || return 1
  at_least "$MIN_RUST" "$("$1" --version | cut -d ' ' -f 2)" || return 1
  libdir=$("$1" --print target-libdir --target "$WASM" 2>/dev/null) || return 1
  compgen -G "$libdir/libstd-*.rlib" >/dev/null
}

# need_wasm_target: afterwards wasm_env and WASM_CLIPPY work.
need_wasm_target() {
  if ! has_wasm rustc && ! has_wasm "$DEBIAN_RUSTC"; then
    add_with_rustup || add_from_debian
  fi
  if has_wasm rustc; then
    WASM_ENV=()
    WASM_CLIPPY=(cargo clippy)
    say "wasm target: of rustc $(rustc --version | cut -d ' ' -f 2)"
  else
    WASM_ENV=(RUSTC="$DEBIAN_RUSTC" CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$DEBIAN_LINKER")
    WASM_CLIPPY=("$DEBIAN_CLIPPY" clippy)
    say "wasm target: of $DEBIAN_RUSTC $("$DEBIAN_RUSTC" --version | cut -d ' ' -f 2)"
  fi
}

# Clippy must be of the compiler that has the target.
need_wasm_clippy() {
  if [ "${WASM_CLIPPY[0]}" = "$DEBIAN_CLIPPY" ] && [ ! -x "$DEBIAN_CLIPPY" ]; then
    apt_install "clippy for the wasm target" rust-web-clippy
  fi
}

# wasm_env PROGRAM ARGUMENT...: with the compiler and the flags of the browser's target.
wasm_env() {
  # The paths of this machine's crates do not belong into what is shipped.
  local crates="${CARGO_HOME:-$HOME/.cargo}/registry/src"
  env "${WASM_ENV[@]}" RUSTFLAGS="-Ctarget-feature=+simd128 --remap-path-prefix=$crates=crates" "$@"
}

add_with_rustup() {
  have rustup || return 1
  say "wasm target: asking rustup for it"
  timeout 180 rustup target add "$WASM" >&2 && has_wasm rustc
}

add_from_debian() {
  # As an ordinary user this could not be copied into the compiler's folder.
  is_root || die "the wasm target is missing: run 'rustup target add $WASM', or './build.sh web' once as root"
  apt_install "the wasm target (rustup could not fetch it)" rustc-web rust-web-src lld-22
  say "wasm target: building its standard library from Debian's sources"
  local scratch libdir
  scratch=$(mktemp -d)
  mkdir "$scratch/src"
  printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n[lib]\n' >"$scratch/Cargo.toml"
  : >"$scratch/src/lib.rs"
  # Bitcode is embedded because the browser's build uses fat link-time optimisation.
  (
    cd "$scratch" || exit
    RUSTC="$DEBIAN_RUSTC" RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Cembed-bitcode=yes" CARGO_TARGET_DIR="$scratch/target" \
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$DEBIAN_LINKER" \
      cargo build --quiet --release --target "$WASM" -Zbuild-std=std,panic_abort >&2
  )
  libdir=$("$DEBIAN_RUSTC" --print target-libdir --target "$WASM")
  mkdir -p "$libdir"
  cp "$scratch/target/$WASM/release/deps/"*.rlib "$libdir/"
  rm -f "$libdir"/libempty-*.rlib
  rm -rf "$scratch"
}
