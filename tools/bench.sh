# shellcheck shell=bash
# The benchmarks: the engine natively, the package in Chromium; a table on stdout, and build/bench.json.

run_bench() {
  need_web_tools
  build_web >&2
  find_chromium || say "chromium: not found"
  rm -rf build/bench
  local load
  load=$(cut -d ' ' -f 1 /proc/loadavg)
  say "bench: the engine (a minute or two; keep the machine quiet)"
  # The engine needs no burn.
  CRITERION_HOME="$PWD/build/bench/criterion" \
    cargo bench --locked --no-default-features --features bench --bench engine -- --quiet >&2
  say "bench: the package"
  LOAD="$load" node benches/report.js "${WEB_FILES[@]}"
}
