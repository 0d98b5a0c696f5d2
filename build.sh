#!/usr/bin/env bash
# The one entry: set up, build, test and show foreclick. './build.sh help' says what there is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

. tools/common.sh
. tools/toolchain.sh
. tools/wasm_target.sh
. tools/sample.sh
. tools/social.sh
. tools/web.sh
. tools/market.sh
. tools/demo.sh
. tools/test.sh
. tools/bench.sh

help() {
  cat <<'HELP'
usage: ./build.sh COMMAND

  demo [--full]  install what is missing, fetch the sample logs, train, evaluate, export, build the
                 browser package and serve the demo page; --full trains to the end, not for minutes
  test           everything that CI checks, with the seconds of each step
  web            build the browser package into pkg/ and print its size
  bench [PART]   PART engine: time the engine, and the package in Chromium; PART peers: other runtimes in
                 Chromium beside it; without, both. PART accuracy [SET...]: train beauty, diginetica and
                 sample (or those named) with 3 seeds (or SEEDS) and measure, under published figures.
                 PART training: examples a second, beside PyTorch where PYTHON has it, and by catalogue size.
                 PART large [EVENTS]: time and memory for a made-up log of 10 million events, or so many.
                 PART prefetch: hits and waste beside hover, viewport and ForesightJS, in replayed visits.
                 PART privacy: the demo's settings with and without a promise of privacy, and attacks on both.
                 PART shop: the grocery's three questions in one file, ways to go on from a model, gradient boosting
                 beside, where PYTHON has pandas, pyarrow and scikit-learn.
                 PART ensemble [SET]: three seeds of beauty (or sample), their ensemble, and one file that learned from it.
                 PART labels: a task from 1, 10 and 100% of its labels, from scratch and pretrained, where PYTHON has
                 pandas and pyarrow.
                 PART pretrain: the next item, and a task from few labels, after epochs that learn from the log alone.
                 PART tasks: purchases of UCI's Online Shoppers, beside scikit-learn where PYTHON has it.
                 PART social: moods of tweets and reviews, beside scikit-learn where PYTHON has it.
                 Tables on stdout; JSON and SVG in build/
  clean [--all]  remove build outputs; --all removes the caches too (downloads, tools, compiled code)
  help           this text

A step whose outputs are up to date is skipped and says so. A missing tool is installed when you are
root on a Debian system; otherwise the command that installs it is named.

environment
  PORT                 where the demo is served (8080)
  FORECLICK_NO_SERVE   1: 'demo' ends before serving
  CARGO_TARGET_DIR     compiled code (~/.cache/foreclick/target)
  FORECLICK_GPU_TESTS  no: 'test' leaves the GPU tests out and needs no Vulkan driver
  FORECLICK_EXAMPLES   no: 'test' leaves the example apps out and does not install Next.js (400 MB)
  CHROMIUM             the Chromium that tests and benchmarks start (found in PATH)

exit status: 0 done, 2 set-up failed, anything else: a check failed or the size budget was missed
HELP
}

clean() {
  case "${1:-}" in
    "") ;;
    --all) rm -rf "$CACHE" ;;
    *) die "clean: unknown option '$1', expected --all or nothing" ;;
  esac
  rm -rf build pkg/wasm pkg/*.js pkg/LICENSE-* pkg/*.tgz runs/demo runs/demo-quick runs/demo-full runs/market runs/social runs/.demo*.lock runs/.market*.lock "$DEV/node_modules" "$PEERS/node_modules" "$PREFETCH/node_modules" "$APPS/node_modules"
  say "clean: build outputs removed${1:+, and $CACHE}"
}

command=${1:-help}
[ $# -eq 0 ] || shift
case "$command" in
  demo) run_demo "$@" ;;
  test) run_tests ;;
  web)
    need_web_tools
    build_web
    ;;
  bench) run_bench "$@" ;;
  clean) clean "$@" ;;
  help | -h | --help) help ;;
  *)
    help >&2
    die "unknown command '$command'"
    ;;
esac
