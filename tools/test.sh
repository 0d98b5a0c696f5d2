# shellcheck shell=bash
# Everything that CI checks, cheapest first; the first failure ends it.

STEP=""       # the step that is running
STEP_START=0
STEP_TIMES=() # one line for each finished step
SKIPPED=()    # one line for each thing that was not checked

run_tests() {
  trap report_steps EXIT
  step "tools" need_test_tools
  step "format" cargo fmt --check
  step "scripts" shellcheck --external-sources --check-sourced build.sh .ci/run
  step "lint" cargo clippy --release --locked --all-targets -- -D warnings
  step "lint (benchmark)" cargo clippy --release --locked --no-default-features --features bench --benches -- -D warnings
  # As on docs.rs, burn then downloads no LLVM for CUDA; type-checking needs none.
  step "training devices" env DOCS_RS=1 cargo check --release --locked --features wgpu,cuda
  step "lint (wasm)" wasm_env "${WASM_CLIPPY[@]}" "${WASM_FLAGS[@]}" --profile web --lib -- -D warnings
  step "tests" cargo test --release --locked
  step "tests (sample)" cargo test --release --locked -- --ignored sample_
  test_shared
  test_gpu
  step "tests (ONNX)" cargo test --release --locked --test onnx -- --ignored onnx_
  step "tests (engine alone)" cargo test --release --locked --no-default-features
  step "web package" build_web
  step "demo model" test_model
  step "browser" node --test --test-concurrency=1 tests/browser/*.test.js
  step "packaging" node --test tests/packaging/packaging.test.js
  test_examples
  step "dependencies" check_dependencies
}

# step NAME COMMAND...: runs it outside any condition, so that 'set -e' holds inside.
step() {
  STEP=$1
  STEP_START=$SECONDS
  shift
  say "$STEP"
  "$@"
  STEP_TIMES+=("$(printf '%-22s %5d s' "$STEP" $((SECONDS - STEP_START)))")
  STEP=""
}

# skip WHAT: says that something is not checked, now and in the summary.
skip() {
  SKIPPED+=("skipped: $*")
  say "skipped: $*"
}

report_steps() {
  printf '%s\n' "${STEP_TIMES[@]}" "$(printf '%-22s %5d s' together "$SECONDS")"
  [ ${#SKIPPED[@]} -eq 0 ] || printf '%s\n' "${SKIPPED[@]}"
  if [ -n "$STEP" ]; then
    printf 'FAILED: %s, after %d s\n' "$STEP" $((SECONDS - STEP_START))
  fi
}

need_test_tools() {
  need_web_tools
  need_clippy
  need_wasm_clippy
  need_shellcheck
  [ "${FORECLICK_GPU_TESTS:-}" = no ] || need_vulkan
  need_chromium
  need_peers
  need_cargo_deny
  need_sample
  need_stocks
}

# Tests that need more than the repository are ignored, and their names begin with what they need: a plain
# 'cargo test' shows them as ignored, and here they run or are said to be skipped.
test_shared() {
  local data="${FORECLICK_SHARED:-../shared}/data"
  if [ -d "$data" ]; then
    step "tests (../shared)" cargo test --release --locked -- --ignored shared_
  else
    skip "$(count_tests shared) tests, because there is no $data (FORECLICK_SHARED names another folder)"
  fi
}

test_gpu() {
  if [ "${FORECLICK_GPU_TESTS:-}" = no ]; then
    skip "$(count_tests gpu) tests of the GPU, because FORECLICK_GPU_TESTS=no"
  else
    step "tests (GPU)" cargo test --release --locked -- --ignored gpu_
  fi
}

# Their packages come from the network the first time; without them the other checks still count.
test_examples() {
  if [ "${FORECLICK_EXAMPLES:-}" = no ]; then
    skip "the example apps, because FORECLICK_EXAMPLES=no"
  elif install_app_packages; then
    step "example apps" node --test tests/packaging/examples.test.js
  else
    skip "the example apps, because npm could not install what they are built with (see above)"
  fi
}

count_tests() { grep -rhE "^ *fn $1_[a-z_]+\\(\\) \\{" src tests --include='*.rs' | wc -l; }

test_model() {
  need_companion
  demo_model quick
  market_model --epochs 2
  social_model
}

# The list of known vulnerabilities comes from the network; without it the other checks still count.
check_dependencies() {
  local checks=(advisories bans licenses sources)
  if ! "$TOOLS/bin/cargo-deny" fetch db; then
    skip "advisories, because their database could not be fetched"
    checks=(bans licenses sources)
  fi
  "$TOOLS/bin/cargo-deny" --locked check --hide-inclusion-graph "${checks[@]}"
}
