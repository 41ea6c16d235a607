#!/bin/sh
# Runs commands of this checkout on a bare Debian, in a chroot that has nothing but nodejs and npm.
set -eu

if [ $# -eq 0 ] || [ "$1" = --help ] || [ "$1" = -h ]; then
  cat <<'HELP'
ops/test-run/bare-machine.sh FOLDER COMMAND…: runs `just COMMAND…` on a bare Debian, as a plain user.

  FOLDER      folder of the machine, which debootstrap fills the first time; it grows to about 2 GB
  COMMAND     such as: test

It needs root and debootstrap, and this machine must be a Debian or a derivative of it. The bare machine gets the
committed state of this checkout, and this machine's package sources, certificates and npm settings. It shares this
machine's network, so both have the same ports. Its /proc and /dev are mounted only while the command runs, and only for
it, so the folder can be removed afterwards like any other.
HELP
  exit 0
fi

# Mounts are made in a namespace of this command alone, and end with it. A mount that stayed would be a danger: whoever
# removes the folder would remove what is mounted in it too.
if [ "${BARE_MACHINE_NAMESPACE:-}" = "" ]; then
  BARE_MACHINE_NAMESPACE=own exec unshare --mount --propagation private sh "$0" "$@"
fi

folder=$1
shift
checkout=$(cd "$(dirname "$0")/../.." && pwd)
user=tally

if [ ! -e "$folder/etc/npmrc" ]; then
  # It gets the suite and the package sources of this machine.
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  debootstrap --variant=minbase "$suite" "$folder"
  : >"$folder/etc/apt/sources.list"
  cp -r /etc/apt/sources.list.d /etc/apt/apt.conf.d "$folder/etc/apt/"
  cp /etc/resolv.conf /etc/hosts "$folder/etc/"
  mkdir -p "$folder/usr/local/share/ca-certificates"
  cp -r /usr/local/share/ca-certificates "$folder/usr/local/share/"
  chroot "$folder" sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nodejs npm'
  chroot "$folder" update-ca-certificates
  chroot "$folder" useradd --create-home --shell /bin/sh "$user"
  if [ -e /etc/npmrc ]; then cp /etc/npmrc "$folder/etc/npmrc"; else : >"$folder/etc/npmrc"; fi
fi

mount -t proc proc "$folder/proc"
# The bare machine gets device files of its own, never those of this machine.
mount -t tmpfs -o mode=755 tmpfs "$folder/dev"
for device in null:3 zero:5 full:7 random:8 urandom:9; do
  mknod -m 666 "$folder/dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 "$folder/dev/tty" c 5 0
ln -s /proc/self/fd "$folder/dev/fd"
mkdir -m 1777 "$folder/dev/shm"

home="$folder/home/$user"
if [ -d "$home/checkout" ]; then
  git -c safe.directory='*' -C "$home/checkout" pull --quiet --ff-only "$checkout" HEAD
else
  git clone --quiet "$checkout" "$home/checkout"
fi
chroot "$folder" chown -R "$user:" "/home/$user"
exec chroot "$folder" su - "$user" -c 'cd checkout && npx -y rust-just@1.40.0 "$@"' -- just "$@"
