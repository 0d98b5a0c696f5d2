# shellcheck shell=bash
# The social example: rated tweets and review snippets (Hutto and Gilbert 2014, MIT licence) from the PyPI package vaderSentiment 0.5,
# and models of them.

SOCIAL_PACKAGE="vaderSentiment==0.5"
SOCIAL_SHA256=5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a
SOCIAL_ARCHIVE="$CACHE/social/vaderSentiment-0.5.zip"
SOCIAL_FOLDER=build/social
SOCIAL_DEMO=build/demo/social
SOCIAL_SOURCES=(examples/social/prepare.py examples/social/tweets.toml examples/social/distilled.toml src Cargo.lock "$SOCIAL_ARCHIVE")

# need_social_logs: afterwards build/social/ holds the logs and what the page replays.
need_social_logs() {
  need_package "$SOCIAL_PACKAGE" "$SOCIAL_SHA256" "$SOCIAL_ARCHIVE"
  python3 examples/social/prepare.py "$SOCIAL_ARCHIVE" "$SOCIAL_FOLDER"
}

# social_model: five small models and what they teach, minutes at most, so that the tests need no quicker one.
social_model() {
  if [ -f "$SOCIAL_DEMO/posts.json" ] && made social-model "$SOCIAL_DEMO/model.safetensors" "${SOCIAL_SOURCES[@]}"; then
    say "social model: up to date"
    return
  fi
  need_social_logs
  say "social model: training into runs/social"
  "$FORECLICK" train examples/social/tweets.toml --name social --seeds 5 --replace
  "$FORECLICK" train examples/social/distilled.toml --name social --replace
  mkdir -p "$SOCIAL_DEMO"
  cp runs/social/model.safetensors "$SOCIAL_FOLDER/posts.json" "$SOCIAL_DEMO/"
  mark_made social-model "${SOCIAL_SOURCES[@]}"
}

# bench_social: macro-F1 beside scikit-learn's linear models, and tweets to reviews (PYTHON names a Python that has scikit-learn).
bench_social() {
  python_has sklearn || return 0
  need_social_logs
  say "bench: moods of posts (minutes)"
  "${PYTHON:-python3}" examples/social/linear.py "$FORECLICK" "$SOCIAL_FOLDER"
}
