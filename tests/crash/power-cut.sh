#!/usr/bin/env bash
# Cuts the power of a running ingest, again and again, and looks at what the disk holds.
#
#   sudo tests/crash/power-cut.sh --engine fjall --rounds 20 --binary target/release/bailiwick --crash target/release/crash
#
# The data directory lies on an ext4 in an image file that is mounted over a loop device, the list of acknowledged
# positions outside of it. At a random moment the writer is stopped, the list is read, and the image file is copied: the
# copy holds only what the inner file system handed down until then, as a disk does when the power goes. Then the writer
# is killed, the copy is mounted, and the program opens what it finds there. Every acknowledged position must be there,
# `verify` must agree, every entity must be as some round of the input has it; and when the run is finished, the export
# must be that of an undisturbed run, byte for byte. The next round goes on with the copy; every fifth begins with an
# empty disk. Ends with 1 at the first thing that is otherwise, and keeps everything.
#
# Needs root (it mounts), mkfs.ext4 and Linux; not a part of the usual tests for that reason.
set -euo pipefail

engine=fjall rounds=20 entities=5000 seed=$RANDOM image_mib=768
binary=target/release/bailiwick crash=target/release/crash
while [ $# -gt 0 ]; do
  case $1 in
  --engine) engine=$2 ;;
  --rounds) rounds=$2 ;;
  --entities) entities=$2 ;;
  --seed) seed=$2 ;;
  --binary) binary=$2 ;;
  --crash) crash=$2 ;;
  --image-mib) image_mib=$2 ;;
  *)
    sed -n '2,/^set -/s/^# \{0,1\}//p' "$0" >&2
    echo "there is no option $1" >&2
    exit 2
    ;;
  esac
  shift 2
done
[ "$(id -u)" -eq 0 ] || {
  echo "this mounts file systems: run it as root" >&2
  exit 2
}
binary=$(realpath "$binary") crash=$(realpath "$crash")
RANDOM=$seed

work=$(mktemp -d --tmpdir power-cut.XXXXXX)
mkdir "$work/disk"
pid=
found=1
# shellcheck disable=SC2329
clean_up() {
  [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
  mountpoint -q "$work/disk" && umount "$work/disk"
  if [ "$found" -eq 0 ]; then rm -rf "$work"; else echo "everything is kept in $work" >&2; fi
}
trap clean_up EXIT

cat >"$work/c.yaml" <<END
store: {engine: $engine}
sweeps: {guard: {claims: 1000000000, percent: 100}}
sources: [{id: org, type: files, paths: [org], watch: false}]
log: {level: error}
END
cd "$work"

# Nothing of the caller's environment reaches the program.
bailiwick() { env -i HOME="$work" "$binary" "$@" --quiet; }
ingest() { bailiwick ingest --config c.yaml --data-dir "$1" --ack-log "$2" >out.txt 2>err.txt; }
content() { bailiwick export --config c.yaml --data-dir "$1" --content; }
verified_head() {
  bailiwick verify --config c.yaml --data-dir "$1" --output json >verify.json 2>err.txt || {
    echo "round $round: verify failed: $(cat verify.json err.txt)" >&2
    return 1
  }
  sed -n 's/.*"position": *\([0-9]*\).*/\1/p' verify.json | head -n 1
}
generate() { "$crash" --generate org --entities "$entities" --seed "$seed" --round "$1"; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }
pause_ms() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }
new_disk() {
  rm -f image
  truncate -s "${image_mib}M" image
  mkfs.ext4 -q -F image
}
fail() {
  echo "FOUND in round $round: $*" >&2
  exit 1
}

# How long a round takes on such a disk, so that moments can be chosen from it.
round=0
new_disk
mount -o loop image disk
generate 0
ingest disk/d /dev/null
generate 1
began=$(now_ms)
ingest disk/d /dev/null
takes_ms=$(($(now_ms) - began))
umount disk

echo "engine $engine, $rounds power cuts, $entities entities, seed $seed, an undisturbed round takes $takes_ms ms"
printf '%5s  %-8s %8s %12s %9s %10s\n' round disk at_ms acknowledged head remaining
misses=0
cuts=0
while [ "$cuts" -lt "$rounds" ]; do
  round=$((round + 1))
  disk=used
  if [ $((cuts % 5)) -eq 0 ]; then
    disk=empty
    new_disk
    rm -f acks
  fi
  touch acks
  generate "$round"
  mount -o loop image disk
  env -i HOME="$work" "$binary" ingest --config c.yaml --data-dir disk/d --ack-log acks --quiet >out.txt 2>err.txt &
  pid=$!
  at_ms=$(((RANDOM * 32768 + RANDOM) % takes_ms))
  pause_ms "$at_ms"
  kill -STOP "$pid" 2>/dev/null || true
  state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null || true)
  # The list first: what is acknowledged while the image is copied may be in the copy or not.
  cp acks acks.cut
  cp --sparse=always image cut
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  pid=
  umount disk
  mv cut image
  mount -o loop image disk || fail "the copy cannot be mounted"

  acknowledged=$(sed -n '$p' acks.cut)
  if [ -d disk/d/store ]; then
    head=$(verified_head disk/d) || fail "it does not open, or not all agrees"
    content disk/d >held.ndjson || fail "it cannot be exported"
  else
    head=0
    : >held.ndjson
  fi
  [ "${acknowledged:-0}" -le "$head" ] || fail "position $acknowledged was acknowledged, the log ends at $head"
  remaining=$("$crash" --judge held.ndjson --entities "$entities" --seed "$seed" --round "$round") ||
    fail "an entity is there by half"

  # From here on the process lives, and the list says what it says.
  mv acks.cut acks
  ingest disk/d acks || fail "the run cannot be finished: $(cat out.txt err.txt)"
  verified_head disk/d >/dev/null || fail "not all agrees after the run was finished"
  content disk/d >finished.ndjson
  rm -rf undisturbed
  ingest undisturbed /dev/null
  content undisturbed >undisturbed.ndjson
  cmp finished.ndjson undisturbed.ndjson || fail "the finished run exports something else than an undisturbed one"
  umount disk

  if [ "$remaining" -gt 0 ] && [ "$state" = T ]; then
    cuts=$((cuts + 1))
    printf '%5s  %-8s %8s %12s %9s %10s\n' "$cuts" "$disk" "$at_ms" "${acknowledged:--}" "$head" "$remaining"
  else
    misses=$((misses + 1))
    [ "$misses" -le $((rounds * 5)) ] || fail "$misses runs ended before their power cut"
  fi
done
found=0
echo "ok: $cuts power cuts ($misses more runs ended before theirs), every acknowledged position there, verify agreed each time"
