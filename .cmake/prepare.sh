# Sourced by app/run and tests/run: installs what is missing, configures and builds the release preset.
# Debian 12 or newer with git and apt is all it expects.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_dir="$root/.build/release"

packages=(
  cmake ninja-build g++ pkg-config ccache
  qt6-base-dev qt6-svg-dev libqt6svg6 qt6-wayland libgl-dev
  libqcustomplot-dev libqcustomplot2.1-qt6
  libeigen3-dev libfftw3-dev libhdf5-dev nlohmann-json3-dev libzip-dev libcli11-dev
  fontconfig
)

# Prints the packages of "$@" that are not installed. dpkg-query fails when it has never heard of one: that is an answer.
missing_packages() {
  local installed
  installed=" $({ dpkg-query -W -f '${db:Status-Abbrev}${binary:Package}\n' "$@" 2>/dev/null || true; } |
    sed -n 's/^ii \?\([^:]*\).*/\1/p' | tr '\n' ' ') "
  local package
  for package in "$@"; do
    [[ $installed == *" $package "* ]] || echo "$package"
  done
}

install_packages() {
  command -v dpkg-query >/dev/null || { echo "polecat: this script installs with apt; on other systems see 'Building by hand' in README.md" >&2; exit 1; }
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -eq 0 ] && return
  local line="apt-get install -y --no-install-recommends ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      as_root=(sudo)
    else
      printf 'polecat: these packages are missing and need an administrator. Run this line, then start again:\n  %s\n' "$line" >&2
      exit 1
    fi
  fi
  echo "polecat: installing ${#missing[@]} packages: ${missing[*]}" >&2
  "${as_root[@]}" apt-get -qq update >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $line >&2 ||
    { echo "polecat: apt could not install the packages; the line was: $line" >&2; exit 1; }
}

configure() {
  [ -f "$build_dir/build.ninja" ] && return
  echo "polecat: configuring" >&2
  (cd "$root" && cmake --preset release >"$root/.build.log" 2>&1) ||
    { cat "$root/.build.log" >&2; rm -f "$root/.build.log"; exit 1; }
  mkdir -p "$build_dir" && mv "$root/.build.log" "$build_dir/configure.log"
}

# build TARGET...: quiet unless something has to be done or goes wrong.
build() {
  configure
  cmake --build "$build_dir" --target "$@" >&2 || exit 1
}

# stage NAME COMMAND...: runs it and notes its time in $stages, as in "install 3 s, build 700 s".
stages=""
stage() {
  local start=$SECONDS status=0
  "${@:2}" || status=$?
  stages+="${stages:+, }$1 $((SECONDS - start)) s"
  return $status
}
