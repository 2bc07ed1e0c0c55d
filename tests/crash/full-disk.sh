#!/usr/bin/env bash
# Fills the disk under a running program at five moments, and gives it room again.
#
#   sudo tests/crash/full-disk.sh --engine fjall --binary target/release/bailiwick --crash target/release/crash [--reserve off]
#
#   ingest   an ingest whose store has no room left: it ends and says so; nothing acknowledged is lost
#   serve    a server whose store has no room left: reads go on, /readyz and the run say what is wrong
#   index    a server whose search index has no room left: everything else goes on, the index catches up by itself
#   backup   a backup into a full folder: it fails and says so, leaves nothing that looks whole, and the server goes on
#   start    a start on a full disk: refused or served, but whole once there is room
#
# With `--reserve off` nothing is kept free (`store.min_free_mib: 0`), so that the engines themselves meet the end of the
# disk. Each is a small tmpfs that has room again in the end. Then the store must be whole: `verify` agrees, no acknowledged
# position is missing, and the finished run exports, byte for byte, what an undisturbed one does. Ends with 1 at the
# first thing that is otherwise, and keeps everything.
#
# Needs root (it mounts), curl and Linux; not a part of the usual tests for that reason.
set -euo pipefail

engine=fjall entities=5000 seed=$RANDOM only= reserve=on
binary=target/release/bailiwick crash=target/release/crash
while [ $# -gt 0 ]; do
  case $1 in
  --engine) engine=$2 ;;
  --entities) entities=$2 ;;
  --seed) seed=$2 ;;
  --binary) binary=$2 ;;
  --crash) crash=$2 ;;
  --only) only=$2 ;;
  --reserve) reserve=$2 ;;
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
# What has to be left, in KiB, for a little to be written before the end: nothing, or the reserve and what the program
# wants for its next commit. A run writes some MiB.
case $reserve in
on) min_free_mib=64 ingest_kib=$((67 << 10)) serve_kib=$((82 << 10)) index_kib_left=$((71 << 10)) ;;
off) min_free_mib=0 ingest_kib=2000 serve_kib=2000 index_kib_left=300 ;;
*)
  echo "--reserve is on or off" >&2
  exit 2
  ;;
esac

work=$(mktemp -d --tmpdir full-disk.XXXXXX)
pid=
found=1
# shellcheck disable=SC2329
clean_up() {
  [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
  [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
  for place in "$work"/*/small; do
    ! mountpoint -q "$place" || umount -l "$place"
  done
  if [ "$found" -eq 0 ]; then rm -rf "$work"; else echo "what is left is kept in $work" >&2; fi
}
trap clean_up EXIT
cd "$work"

moment=
fail() {
  echo "FOUND at $moment: $*" >&2
  exit 1
}
told() { printf '%-7s %s\n' "$moment" "$*"; }

bailiwick() { env -i HOME="$work" "$binary" "$@" --quiet; }
generate() { "$crash" --generate org --entities "$entities" --seed "$seed" --round "$1"; }
ingest() { bailiwick ingest --config c.yaml --data-dir "$1" --ack-log "$2" >out.txt 2>err.txt; }
content() { bailiwick export --config c.yaml --data-dir "$1" --content; }
small() { # PLACE SIZE
  mkdir -p "$1"
  mount -t tmpfs -o "size=$2" none "$1"
}
enlarge() { mount -o "remount,size=$2" "$1"; }
# Takes what is left, but for so many KiB.
fill() { # PLACE KIB_LEFT
  local free_kib
  free_kib=$(df --output=avail -k "$1" | tail -n 1)
  [ "$free_kib" -le "$2" ] || head -c $(((free_kib - $2) * 1024)) /dev/zero >"$1/ballast"
}
used_mib() { echo $(($(du -sk "$1" | cut -f 1) / 1024)); }

folder() { # NAME
  moment=$1
  mkdir "$work/$1"
  cd "$work/$1"
  cat >c.yaml <<END
store: {engine: $engine, min_free_mib: $min_free_mib}
sweeps: {guard: {claims: 1000000000, percent: 100}}
sources: [{id: org, type: files, paths: [org], watch: false, run_at_start: false}]
server: {listen: "127.0.0.1:0"}
log: {level: warn}
END
  generate 1
}

# What is there now must be all that was acknowledged; and the end must be that of an undisturbed run.
whole() { # DATA_DIR
  local acknowledged head
  bailiwick verify --config c.yaml --data-dir "$1" --output json >verify.json 2>err.txt ||
    fail "verify: $(cat verify.json err.txt)"
  head=$(sed -n 's/.*"position": *\([0-9]*\).*/\1/p' verify.json | head -n 1)
  acknowledged=$(sed -n '$p' acks 2>/dev/null || true)
  [ "${acknowledged:-0}" -le "$head" ] || fail "position $acknowledged was acknowledged, the log ends at $head"
  content "$1" >held.ndjson
  "$crash" --judge held.ndjson --entities "$entities" --seed "$seed" --round 2 >remaining.txt || fail "an entity is there by half"
  ingest "$1" acks || fail "the run cannot be finished: $(cat out.txt err.txt)"
  bailiwick verify --config c.yaml --data-dir "$1" >verify.txt 2>&1 || fail "verify after the end: $(cat verify.txt)"
  content "$1" >finished.ndjson
  ingest undisturbed /dev/null
  content undisturbed >undisturbed.ndjson
  cmp finished.ndjson undisturbed.ndjson || fail "the finished run exports something else than an undisturbed one"
  told "whole: acknowledged ${acknowledged:--}, head $head, $(cat remaining.txt) entities were still to come"
}

serve() { # DATA_DIR
  env -i HOME="$work" "$binary" serve --config c.yaml --data-dir "$1" >serve.out 2>serve.err &
  pid=$!
  until grep -q '^listening on ' serve.out; do
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.05
  done
  url=$(sed -n 's/^listening on //p' serve.out)
}
stop() {
  kill -TERM "$pid"
  wait "$pid" || true
  pid=
}
ready() { curl -s -o ready.json -w '%{http_code}' "$url/readyz"; }
# Waits until /readyz answers so; a minute and a half is far beyond what it takes.
until_ready() { # CODE
  local tries=0
  until [ "$(ready)" = "$1" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 900 ] || fail "/readyz does not come to $1: $(cat ready.json)"
    sleep 0.1
  done
}
reads_go_on() {
  bailiwick list --first 3 --output json --server "$url" >list.json 2>err.txt || fail "a list is not answered: $(cat err.txt)"
  grep -q metadata list.json || grep -q component list.json || fail "a list is empty: $(cat list.json)"
  bailiwick export --content --server "$url" >export.ndjson 2>err.txt || fail "an export is not answered: $(cat err.txt)"
}
says_full() { # WHAT FILE
  grep -qi 'no space left' "$2" || fail "$1 does not say that no space is left: $(cat "$2")"
}

wanted() { [ -z "$only" ] || [ "$only" = "$1" ]; }

echo "engine $engine, $entities entities, seed $seed, reserve $reserve"

# How much a store of this size takes.
folder size
ingest d /dev/null
store_mib=$(used_mib d/store)
told "a store of one round takes $store_mib MiB"

if wanted ingest; then
  folder ingest
  small small 4g
  ingest small/d acks
  generate 2
  fill small "$ingest_kib"
  if ingest small/d acks; then fail "it had room after all"; fi
  says_full "the ingest" err.txt
  told "$(grep '^error' err.txt)"
  rm small/ballast
  whole small/d
fi

if wanted serve; then
  folder serve
  small small 4g
  ingest small/d acks
  generate 2
  serve small/d || fail "it does not start: $(cat serve.err)"
  until_ready 200
  fill small "$serve_kib"
  bailiwick runs trigger org --wait --server "$url" >run.txt 2>&1 &
  trigger=$!
  until_ready 503
  says_full "/readyz" ready.json
  told "$(cat ready.json)"
  reads_go_on
  told "reads go on"
  rm small/ballast
  tries=0
  restarted=no
  until [ "$(ready)" = 200 ]; do
    tries=$((tries + 1))
    if [ "$tries" -eq 300 ]; then
      restarted=yes
      stop
      serve small/d || fail "it does not start again: $(cat serve.err)"
    fi
    [ "$tries" -lt 900 ] || fail "/readyz does not come back: $(cat ready.json)"
    sleep 0.1
  done
  wait "$trigger" || true
  told "ready again; a restart was needed: $restarted"
  stop
  whole small/d
fi

if wanted index; then
  folder index
  mkdir -p d
  ingest d acks
  # The index on a disk of its own.
  small small 1g
  cp -a d/index/. small/
  rm -rf d/index
  ln -s ../small d/index
  generate 2
  serve d || fail "it does not start: $(cat serve.err)"
  until_ready 200
  fill small "$index_kib_left"
  bailiwick runs trigger org --server "$url" >run.txt 2>&1 || fail "no run can be started: $(cat run.txt)"
  until_ready 503
  says_full "/readyz" ready.json
  told "$(cat ready.json)"
  reads_go_on
  told "reads go on"
  rm small/ballast
  began=$SECONDS
  until_ready 200
  told "ready again by itself after $((SECONDS - began)) s"
  bailiwick runs trigger org --wait --server "$url" >run.txt 2>&1 || fail "the run fails: $(cat run.txt)"
  bailiwick verify --server "$url" >verify.txt 2>&1 || fail "verify of the server: $(cat verify.txt)"
  stop
  whole d
fi

if wanted backup; then
  folder backup
  ingest d acks
  generate 2
  serve d || fail "it does not start: $(cat serve.err)"
  until_ready 200
  small small $((store_mib / 8 + 1))m
  if bailiwick backup --server "$url" --out small/copy >backup.out 2>err.txt; then fail "it had room after all"; fi
  says_full "the backup" err.txt
  told "$(head -n 1 err.txt)"
  [ ! -e small/copy ] || fail "something that looks whole is left: $(ls -l small)"
  until_ready 200
  reads_go_on
  enlarge small 4g
  bailiwick backup --server "$url" --out small/copy >backup.out 2>err.txt || fail "with room it fails: $(cat err.txt)"
  stop
  bailiwick restore --config c.yaml --data-dir restored small/copy >restore.out 2>err.txt || fail "it cannot be restored: $(cat err.txt)"
  content d >d.ndjson
  content restored >restored.ndjson
  cmp d.ndjson restored.ndjson || fail "what is restored differs"
  whole d
fi

if wanted start; then
  folder start
  small small 4g
  ingest small/d acks
  generate 2
  fill small 0
  if serve small/d; then
    code=$(ready)
    told "it starts on a full disk and answers $code: $(cat ready.json)"
    stop
  else
    pid=
    says_full "the start" serve.err
    told "it is refused: $(grep -i 'no space' serve.err | head -n 1)"
  fi
  rm small/ballast
  whole small/d
fi

found=0
echo "ok: nothing acknowledged was lost, and everything was whole once there was room"
