# Sourced by cleanroot and bareroot: Debian systems in a folder of their own. $work goes when the script ends.

skip() { echo "skipped: $*"; exit 77; }
fail() { echo "FAILED: $*"; exit 1; }

mirror=${POLECAT_MIRROR:-http://deb.debian.org/debian}

# Makes $work, or skips with the reason.
prepare_roots() {
  [ "$(id -u)" -eq 0 ] || skip "only root can make a root folder of its own"
  command -v debootstrap >/dev/null || skip "debootstrap is not installed"
  unshare --mount true 2>/dev/null || skip "this system lets nobody mount /proc in a folder"
  work=$(mktemp -d "${TMPDIR:-/tmp}/polecat-root.XXXXXX")
  trap 'rm -rf --one-file-system "$work"' EXIT
}

# make_root SUITE ROOT
make_root() {
  debootstrap --variant=minbase "$1" "$2" "$mirror" >"$work/debootstrap.log" 2>&1 ||
    skip "debootstrap cannot make $1 from $mirror: $(tail -1 "$work/debootstrap.log")"
}

# inside ROOT COMMAND...: with /proc and nothing of our environment. The mount goes with the command.
inside() {
  unshare --mount --fork sh -c 'root=$1; shift; mount -t proc proc "$root/proc" && exec env -i \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    ${http_proxy:+http_proxy="$http_proxy"} chroot "$root" "$@"' sh "$@"
}
