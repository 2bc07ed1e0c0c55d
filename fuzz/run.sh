#!/usr/bin/env bash
# Fuzzes one target after the other and prints a table of what was done, as Markdown.
#
#   bash fuzz/run.sh [seconds per target] [target ...]
#
# Without names all targets run, 60 seconds each. Inputs begin with the checked-in seeds and regressions and with what
# earlier runs found (corpus/); an input that breaks a promise is written to findings/. Both lie in fuzz/target/work, or
# in the folder that FUZZ_WORK names; CARGO_TARGET_DIR names another one for the build. It ends with 1 if there was a
# finding. Time counts as the clock has it: on a machine that is busy with something else, give FUZZ_TIMEOUT more than
# its 5 seconds.
#
# Needs cargo-fuzz (`cargo install cargo-fuzz --locked`) and a C++ compiler. The stable toolchain will do: instrumented
# builds want unstable flags, which RUSTC_BOOTSTRAP allows for these builds alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

seconds=60
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
  seconds=$1
  shift
fi
export RUSTC_BOOTSTRAP=1
work=${FUZZ_WORK:-$PWD/target/work}
mapfile -t all < <(cd fuzz_targets && printf '%s\n' *.rs | sed 's/\.rs$//')
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=("${all[@]}")

# Longest input in bytes: short texts want short inputs, files longer ones.
longest() {
  case $1 in
    entity_ref | schedule | remote) echo 600 ;;
    identifier | search | cursor) echo 2200 ;;
    *) echo 8192 ;;
  esac
}

# As the threads of the program have it; deeper recursion than theirs is a finding.
ulimit -s 2048

# Every crate in the version that the program has.
cp ../Cargo.lock Cargo.lock
one=()
[ ${#targets[@]} -gt 1 ] || one=("${targets[@]}")
cargo fuzz build --fuzz-dir . -s none "${one[@]}"

rows=()
failed=0
for target in "${targets[@]}"; do
  corpus=$work/corpus/$target
  findings=$work/findings/$target
  log=$work/$target.log
  inputs=("$corpus" "seeds/$target")
  [ ! -d "regressions/$target" ] || inputs+=("regressions/$target")
  options=(-max_total_time="$seconds" -timeout="${FUZZ_TIMEOUT:-5}" -rss_limit_mb=1024 -max_len="$(longest "$target")"
    -artifact_prefix="$findings/" -print_final_stats=1)
  [ ! -f "dictionaries/$target" ] || options+=(-dict="dictionaries/$target")
  mkdir -p "$corpus" "$findings"
  began=$SECONDS
  before=$(find "$findings" -type f | wc -l)
  outcome=none
  cargo fuzz run --fuzz-dir . -s none "$target" "${inputs[@]}" -- "${options[@]}" >"$log" 2>&1 || outcome=stopped
  after=$(find "$findings" -type f | wc -l)
  if [ "$outcome" != none ]; then
    failed=1
    tail -n 40 "$log" >&2
    [ "$after" -eq "$before" ] || outcome="$((after - before)), in $findings"
  fi
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  rows+=("| \`$target\` | ${executions:-0} | ${edges:-0} | $((SECONDS - began)) | $outcome |")
  echo "${rows[-1]}" >&2
done

echo '| target | executions | edges reached | seconds | findings |'
echo '| --- | --: | --: | --: | --- |'
printf '%s\n' "${rows[@]}"
exit "$failed"
