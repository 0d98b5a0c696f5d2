# shellcheck shell=bash
# The benchmarks: the engine natively, the package in Chromium, other runtimes beside it, accuracy beside published figures,
# and prefetching beside other ways; tables on stdout, JSON and SVG in build/.

PEERS="benches/peers" # package.json and lock file of the other runtimes
PEER_MODELS="build/bench/peers"
PEER_SOURCES=(src benches/models.rs tests/common Cargo.lock)
PREFETCH="benches/prefetch" # package.json and lock file of ForesightJS

# run_bench [engine|peers]: one part, or both. run_bench accuracy [SET...]: all sets, or these. run_bench training.
# run_bench large [EVENTS]. run_bench prefetch. run_bench privacy. run_bench tasks. run_bench shop. run_bench labels.
# run_bench pretrain. run_bench ensemble [SET]. run_bench personal. run_bench social.
run_bench() {
  local part=${1:-}
  case "$part" in
    "" | engine | peers) ;;
    accuracy)
      bench_accuracy "${@:2}"
      return
      ;;
    training)
      need_companion
      say "bench: training (some minutes; keep the machine quiet)"
      node benches/peers/train/run.js "$FORECLICK"
      return
      ;;
    large)
      need_companion
      say "bench: a large log (minutes, and its size in build/ and in TMPDIR)"
      node benches/large/run.js "$FORECLICK" "${@:2}"
      return
      ;;
    prefetch)
      bench_prefetch
      return
      ;;
    privacy)
      need_companion
      need_sample
      bench_privacy
      return
      ;;
    tasks)
      need_companion
      bench_tasks
      return
      ;;
    shop)
      need_companion
      need_sample
      bench_shop
      return
      ;;
    ensemble)
      need_companion
      [ "${2:-}" != sample ] || need_sample
      say "bench: an ensemble and who learns from it (six trainings)"
      node benches/ensemble/run.js "$FORECLICK" "${@:2}"
      return
      ;;
    labels)
      need_companion
      need_sample
      bench_labels
      return
      ;;
    pretrain)
      need_companion
      need_sample
      has_shop_log || python_has pandas pyarrow || return 0
      need_shop_log
      say "bench: pretraining (twenty-one trainings with SEEDS=1, the default)"
      node benches/pretrain/run.js "$FORECLICK"
      return
      ;;
    social)
      need_companion
      bench_social
      return
      ;;
    personal)
      need_web_tools
      build_web >&2
      need_companion
      need_sample
      bench_personal
      return
      ;;
    *) die "bench: unknown part '$part', expected engine, peers, accuracy, training, large, prefetch, privacy, tasks, shop, labels, pretrain, ensemble, personal, social or nothing" ;;
  esac
  need_web_tools
  build_web >&2
  find_chromium || say "chromium: not found"
  [ "$part" = peers ] || bench_engine
  [ "$part" = engine ] || bench_peers
}

bench_engine() {
  rm -rf build/bench/criterion
  local load
  load=$(cut -d ' ' -f 1 /proc/loadavg)
  say "bench: the engine (a minute or two; keep the machine quiet)"
  # The engine needs no burn.
  CRITERION_HOME="$PWD/build/bench/criterion" \
    cargo bench --locked --no-default-features --features bench --bench engine -- --quiet >&2
  say "bench: the package"
  LOAD="$load" node benches/report.js "${WEB_FILES[@]}"
}

bench_peers() {
  if [ -z "${CHROMIUM:-}" ]; then
    say "skipped: other runtimes, because there is no Chromium; install it, or name one in CHROMIUM"
    return
  fi
  need_peers
  if ! made peer-models "$PEER_MODELS" "${PEER_SOURCES[@]}"; then
    say "bench: models for all runtimes (2 GB in $PEER_MODELS)"
    rm -rf "$PEER_MODELS"
    cargo bench --locked --bench models -- "$PWD/$PEER_MODELS" >&2
    mark_made peer-models "${PEER_SOURCES[@]}"
  fi
  say "bench: other runtimes beside it (25 minutes; keep the machine quiet)"
  node "$PEERS/run.js" "$PWD/$PEER_MODELS"
}

# ONNX Runtime Web and TensorFlow.js.
need_peers() { npm_packages peers "other runtimes" "$PEERS" onnxruntime-web/package.json; }

# bench_accuracy [SET...]: trains and measures; hours for all sets and seeds.
bench_accuracy() {
  local set
  for set in "$@"; do
    case "$set" in
      beauty | diginetica | sample) ;;
      *) die "bench: unknown set '$set', expected beauty, diginetica or sample" ;;
    esac
  done
  need_companion
  case " ${*:-sample} " in *" sample "*) need_sample ;; esac
  say "bench: accuracy (SEEDS=${SEEDS:-3} runs a set, minutes to half an hour each)"
  node benches/accuracy/run.js "$FORECLICK" "$@"
}

bench_prefetch() {
  need_web_tools
  build_web >&2
  need_chromium
  need_foresight
  need_companion
  say "bench: prefetching (some minutes; keep the machine quiet, since pointers move in real time)"
  node "$PREFETCH/run.js" "$FORECLICK"
}

need_foresight() { npm_packages foresight ForesightJS "$PREFETCH" js.foresight/package.json; }

# The demo's settings with and without a promise of privacy: accuracy, and attacks on models of halves of the households.
bench_privacy() {
  say "bench: privacy (some ten minutes)"
  "$FORECLICK" train www/demo.toml --name bench-open --replace
  "$FORECLICK" audit runs/bench-open --retrain
  "$FORECLICK" train www/demo.toml --name bench-private --replace --dp --compare runs/bench-open
  "$FORECLICK" audit runs/bench-private --retrain
}

# python_has MODULE...: whether the Python that PYTHON names has these; where it lacks one, says that a part is skipped.
python_has() {
  local modules=$*
  "${PYTHON:-python3}" -c "import ${modules// /, }" 2>/dev/null && return
  say "skipped: ${PYTHON:-python3} lacks one of these: $modules; name a Python that has them in PYTHON"
  return 1
}

# Purchases of sessions that are a row each, beside scikit-learn (PYTHON names a Python that has it).
bench_tasks() {
  if [ ! -d ../shared/data/online-shoppers ]; then
    say "skipped: no ../shared/data/online-shoppers"
  elif python_has sklearn; then
    say "bench: tasks (some minutes)"
    "${PYTHON:-python3}" benches/tasks/shoppers.py "$FORECLICK"
  fi
}

# The grocery's questions, ways to go on from a model, gradient boosting beside (PYTHON names a Python that has pandas, pyarrow and
# scikit-learn).
bench_shop() {
  python_has pandas pyarrow sklearn || return 0
  say "bench: the grocery (half an hour)"
  node benches/shop/run.js "$FORECLICK" "${PYTHON:-python3}"
}

has_shop_log() { [ -f build/shop/events.parquet ]; }

# need_shop_log: afterwards the log of examples/shop is there; PYTHON makes it.
need_shop_log() {
  has_shop_log && return
  mkdir -p build/shop
  "${PYTHON:-python3}" examples/shop/prepare.py build/sample/transactions.parquet build/shop/events.parquet
}

# A task from few labels, from scratch and from a model of the next product (PYTHON names a Python that has pandas and pyarrow).
bench_labels() {
  has_shop_log || python_has pandas pyarrow || return 0
  need_shop_log
  say "bench: few labels (seven trainings with SEEDS=1, the default, and a curve in runs/)"
  node benches/labels/run.js "$FORECLICK"
}

# A model of the visitor's own on households that nothing was learned from (PYTHON names a Python that has pyarrow). A run that was
# trained is not trained again.
bench_personal() {
  python_has pyarrow || return 0
  say "bench: a model of the visitor's own (ten minutes of training, the first time)"
  [ -f runs/bench-personal/model.safetensors ] || "$FORECLICK" train benches/personal/personal.toml --name bench-personal --replace --meta
  mkdir -p build/bench
  "${PYTHON:-python3}" benches/personal/visitors.py build/sample/transactions.parquet benches/personal/chosen-on.txt >build/bench/visitors.jsonl
  node benches/personal/run.js runs/bench-personal/model.safetensors build/bench/visitors.jsonl
}
