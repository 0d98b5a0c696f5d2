# shellcheck shell=bash
# The demo: from the sample log to a served page.

DEMO_CONFIG=www/demo.toml
DEMO_MODEL=build/demo/model.safetensors
DEMO_ITEMS=build/demo/items.json
TRIPS_CONFIG=www/trips.toml
TRIPS_DELTA=build/demo/trips.delta
TRIPS_FIGURES=build/demo/trips.json
DEMO_SHOPPERS=6 # how many real histories the page can replay
# What a trained model depends on, beside its mode.
DEMO_SOURCES=("$DEMO_CONFIG" "$TRIPS_CONFIG" src Cargo.lock "$CACHE/sample/transactions.parquet" "$CACHE/sample/products.parquet")

run_demo() {
  local mode=demo
  case "${1:-}" in
    "") ;;
    --full) mode=full ;;
    *) die "demo: unknown option '$1', expected --full or nothing" ;;
  esac
  need_free_port
  need_web_tools
  need_sample
  need_companion
  demo_model "$mode"
  market_model
  social_model
  build_web
  serve_demo
}

# Said before minutes of training, not after them.
need_free_port() {
  local port="${PORT:-8080}"
  [ "${FORECLICK_NO_SERVE:-}" = 1 ] && return
  if (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    die "port $port is in use; name another: PORT=$((port + 1)) ./build.sh demo"
  fi
}

need_companion() {
  say "companion: compiling (minutes the first time, nothing when it is up to date)"
  cargo build --release --locked
}

# demo_model MODE: train and evaluate, which is one command, and export for the page.
#   quick  one epoch, for the browser tests; also content with a better model that is already there
#   demo   the default, minutes on two cores
#   full   trains until validation stops improving
demo_model() {
  local mode=$1 name=demo options=()
  if model_is_made "$mode" || { [ "$mode" = quick ] && { model_is_made demo || model_is_made full; }; }; then
    say "demo model: up to date"
    return
  fi
  case "$mode" in
    quick)
      name=demo-quick
      options=(--epochs 1)
      ;;
    full)
      name=demo-full
      options=(--epochs 30)
      ;;
  esac
  say "demo model ($mode): training into runs/$name"
  "$FORECLICK" train "$DEMO_CONFIG" --name "$name" --replace "${options[@]}"
  say "demo model: exporting"
  mkdir -p "$(dirname "$DEMO_MODEL")"
  "$FORECLICK" export "runs/$name" --out "$DEMO_MODEL" --items "$DEMO_ITEMS" --sequences "$DEMO_SHOPPERS"
  say "demo model: the trip after, gone on from it into runs/$name-trips"
  "$FORECLICK" train "$TRIPS_CONFIG" --from "runs/$name" --name "$name-trips" --replace
  "$FORECLICK" export "runs/$name-trips" --delta "$TRIPS_DELTA"
  cp "runs/$name-trips/tasks.json" "$TRIPS_FIGURES"
  mark_made demo-model "${DEMO_SOURCES[@]}" "mode=$mode"
}

model_is_made() {
  [ -f "$DEMO_ITEMS" ] && [ -f "$TRIPS_DELTA" ] && [ -f "$TRIPS_FIGURES" ] && made demo-model "$DEMO_MODEL" "${DEMO_SOURCES[@]}" "mode=$1"
}

serve_demo() {
  if [ "${FORECLICK_NO_SERVE:-}" = 1 ]; then
    say "demo: ready; FORECLICK_NO_SERVE is set, so nothing is served"
    return
  fi
  export PORT="${PORT:-8080}"
  say "demo: open http://127.0.0.1:$PORT (Ctrl-C ends it)"
  exec node www/serve.js
}
