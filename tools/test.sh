# shellcheck shell=bash
# Everything that CI checks, cheapest first; the first failure ends it.

STEP=""       # the step that is running
STEP_START=0
STEP_TIMES=() # one line for each finished step

run_tests() {
  trap report_steps EXIT
  step "tools" need_test_tools
  step "format" cargo fmt --check
  step "scripts" shellcheck --external-sources --check-sourced build.sh .ci/run
  step "lint" cargo clippy --release --locked --all-targets -- -D warnings
  step "lint (wasm)" wasm_env "${WASM_CLIPPY[@]}" "${WASM_FLAGS[@]}" --profile web --lib -- -D warnings
  step "tests" cargo test --release --locked
  step "tests (engine alone)" cargo test --release --locked --no-default-features
  step "web package" build_web
  step "demo model" test_model
  step "browser" node --test --test-concurrency=1 tests/browser/*.test.js
  step "packaging" node --test tests/packaging/*.test.js
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

report_steps() {
  printf '%s\n' "${STEP_TIMES[@]}" "$(printf '%-22s %5d s' together "$SECONDS")"
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
  need_cargo_deny
  need_sample
}

test_model() {
  need_companion
  demo_model quick
}

# The list of known vulnerabilities comes from the network; without it the other checks still count.
check_dependencies() {
  local checks=(advisories bans licenses sources)
  if ! "$TOOLS/bin/cargo-deny" fetch db; then
    say "SKIPPED: advisories, because their database could not be fetched"
    checks=(bans licenses sources)
  fi
  "$TOOLS/bin/cargo-deny" --locked check --hide-inclusion-graph "${checks[@]}"
}
