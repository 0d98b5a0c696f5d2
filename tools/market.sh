# shellcheck shell=bash
# The demo's market: daily prices of five stocks, from bokeh-sampledata (BSD-3-Clause, the prices public domain).

STOCKS_PACKAGE="bokeh-sampledata==2026.1"
STOCKS_SHA256=f40331a40ca30c64a1c1471835aad9006b61b0d9731a3f649ee8cbbf48d3822f
STOCKS_WHEEL="$CACHE/stocks/bokeh_sampledata-2026.1-py3-none-any.whl"
STOCKS="$CACHE/stocks/stocks.csv.gz"
MARKET_CONFIG=examples/market/market.toml
MARKET_MODEL=build/demo/market/model.safetensors
MARKET_PRICES=build/demo/market/prices.json
MARKET_SOURCES=(examples/market www/market/features.js src Cargo.lock)

need_stocks() {
  need_package_files "$STOCKS_PACKAGE" "$STOCKS_SHA256" "$STOCKS_WHEEL" bokeh_sampledata/_data stocks.csv.gz
}

# market_model [OPTION...]: the last fold's model and what the page walks through; options are those of train. Tests are content with
# the demo's.
market_model() {
  if [ -f "$MARKET_PRICES" ] && { made market-model "$MARKET_MODEL" "${MARKET_SOURCES[@]}" "$*" ||
    made market-model "$MARKET_MODEL" "${MARKET_SOURCES[@]}" ""; }; then
    say "market model: up to date"
    return
  fi
  need_stocks
  say "market model: training into runs/market"
  node examples/market/prepare.js "$STOCKS" build/market
  "$FORECLICK" train "$MARKET_CONFIG" --name market --replace "$@"
  mkdir -p "$(dirname "$MARKET_MODEL")"
  cp runs/market/model.safetensors "$MARKET_MODEL"
  cp build/market/prices.json "$MARKET_PRICES"
  mark_made market-model "${MARKET_SOURCES[@]}" "$*"
}
