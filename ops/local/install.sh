#!/bin/sh
# Installs what is missing into this checkout: Bun from its npm package, then the node packages. It needs no root, runs
# no installation scripts, and writes nothing outside the checkout. A second run finds that nothing is missing, and
# ends.
set -eu
cd "$(dirname "$0")/../.."
version=1.4.5

fail() { echo "tally: $1" >&2; exit 1; }

[ "$(uname -s)" = Linux ] || fail "Tally runs on Linux; this is $(uname -s)."
case "$(uname -m)" in
  x86_64) if grep -qw avx2 /proc/cpuinfo; then cpu=x64; else cpu=x64-baseline; fi ;;
  aarch64) cpu=aarch64 ;;
  *) fail "there is no Bun for a $(uname -m) processor: it needs x86_64 or aarch64." ;;
esac

mkdir -p .local
# Two commands that install at the same time would overwrite each other's files.
if command -v flock >/dev/null; then
  exec 9>.local/install.lock
  flock -n 9 || { echo "another command is installing: waiting for it"; flock -w 300 9; } ||
    fail "another command still holds .local/install.lock after 300 s."
fi

bun=".local/bun/node_modules/@oven/bun-linux-$cpu/bin/bun"
if [ "$("$bun" --version 2>/dev/null || true)" != "$version" ]; then
  command -v npm >/dev/null || fail "npm is missing: install node 18 or newer, with npm."
  echo "installing Bun $version into .local/bun"
  npm install --prefix .local/bun --ignore-scripts --no-audit --no-fund --loglevel=error \
    --fetch-retries 1 --fetch-timeout 10000 "@oven/bun-linux-$cpu@$version" >.local/bun.log 2>&1 ||
    fail "Bun could not be installed; does the npm registry answer? npm said: $(tail -n 3 .local/bun.log)"
fi
mkdir -p .local/bin
ln -sfn "../../$bun" .local/bin/bun

stamp=.local/packages.stamp
wanted="$(cat bun.lock package.json ./*/package.json | cksum)"
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ] || [ ! -d node_modules ]; then
  echo "installing the node packages"
  # Bun would wait in silence for two minutes for a registry that does not answer. npm finds that out earlier.
  npm view bun-types version --fetch-retries 0 --fetch-timeout 15000 >/dev/null 2>&1 ||
    echo "the npm registry did not answer within 15 s; still trying, for two minutes at most" >&2
  timeout 120 "$bun" install --frozen-lockfile --ignore-scripts >.local/packages.log 2>&1 ||
    fail "the node packages could not be installed; does the npm registry answer? bun said:
$(tail -n 3 .local/packages.log)"
  echo "$wanted" >"$stamp"
fi
