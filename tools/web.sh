# shellcheck shell=bash
# The browser package: Rust to WebAssembly, its JavaScript, and the size budget.

WEB_BUDGET=102300 # bytes of wasm and JavaScript together, gzip -9
WEB_FILES=(pkg/wasm/foreclick_bg.wasm pkg/index.js)
WEB_GLUE=pkg/wasm/foreclick.js # wasm-bindgen's, which goes into pkg/index.js
# Loaded only by pages that import foreclick/cache and so on.
WEB_OPTIONAL_ENTRIES=(cache knowledge worker worker-thread prefetch collect bandit state react vue devtools)
# What npm users can import, and what those files load.
WEB_ENTRIES=(index "${WEB_OPTIONAL_ENTRIES[@]}")
WEB_SOURCES=(src build.rs Cargo.toml Cargo.lock tools/web.sh tools/wasm_target.sh
  tools/{wasm_sections,quiet_panics,short_imports}.js)

need_web_tools() {
  need_rust
  need_wasm_target
  need_wasm_bindgen
  need_node
  need_dev_packages
}

build_web() {
  if [ -f "$WEB_GLUE" ] && made web "${WEB_FILES[0]}" "${WEB_SOURCES[@]}"; then
    say "web package: up to date"
  else
    compile_web
    mark_made web "${WEB_SOURCES[@]}"
  fi
  write_scripts
  check_web_size
}

compile_web() {
  local wasm=pkg/wasm/foreclick_bg.wasm
  say "web package: compiling to WebAssembly"
  # The crate type is asked for here: named in Cargo.toml it would silently drop fat link-time optimisation.
  wasm_env cargo rustc "${WASM_FLAGS[@]}" --lib --crate-type cdylib --profile web
  rm -rf pkg/wasm
  # No generated types: users get the hand-written pkg/index.d.ts. The .wasm file's address is written in pkg/src/index.js.
  "$TOOLS/bin/wasm-bindgen" --target web --no-typescript --omit-default-module-path \
    --out-dir pkg/wasm --out-name foreclick "$CARGO_TARGET_DIR/$WASM/web/foreclick.wasm"
  node tools/quiet_panics.js "$wasm"
  "$DEV/node_modules/.bin/wasm-opt" -Os --converge --one-caller-inline-max-function-size 35 --low-memory-unused --reorder-functions-by-name --strip-debug --strip-producers --strip-target-features \
    --enable-simd --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext \
    --enable-mutable-globals --enable-reference-types --enable-multivalue \
    "$wasm" -o "$wasm.opt"
  mv "$wasm.opt" "$wasm"
  node tools/short_imports.js "$wasm" "$WEB_GLUE"
  cp LICENSE-MIT LICENSE-APACHE pkg/
}

# The scripts, each in one file.
write_scripts() {
  local entry
  rm -f pkg/*.js
  for entry in "${WEB_ENTRIES[@]}"; do
    node tools/bundle.js "pkg/src/$entry.js" "pkg/$entry.js"
  done
}

# Data on stdout, as everywhere; exit 1 is a missed gate.
check_web_size() {
  local file entry total=0 packed
  printf '%-28s %9s %9s\n' "file" "bytes" "gzip -9"
  for file in "${WEB_FILES[@]}"; do
    print_web_size "$file"
    total=$((total + packed))
  done
  printf '%-28s %9s %9d\n' "together (at most $WEB_BUDGET)" "" "$total"
  for entry in "${WEB_OPTIONAL_ENTRIES[@]}"; do
    print_web_size "pkg/$entry.js"
  done
  if [ "$total" -gt "$WEB_BUDGET" ]; then
    say "size budget missed: $total bytes, expected at most $WEB_BUDGET"
    exit 1
  fi
}

# Sets $packed of the caller.
print_web_size() {
  [ -f "$1" ] || die "$1 is missing: the package is not complete"
  packed=$(gzip -9 <"$1" | wc -c)
  printf '%-28s %9d %9d\n' "$1" "$(wc -c <"$1")" "$packed"
}
