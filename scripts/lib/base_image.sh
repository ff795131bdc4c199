# An image to build the examples from, where none can be pulled; sourced by the scripts beside it, after engine.sh.

ordinary_base=busybox:1.36
made_base=loco-quickstart/base:1

# Set `base` to the ordinary base image where it is there or can be pulled, else to one made from busybox alone.
#   find_base SCRATCH-FOLDER
find_base() {
  base=$ordinary_base
  engine_has_image $ordinary_base && return 0
  if ! engine_has_image $made_base; then
    engine_api "/images/create?fromImage=${ordinary_base%:*}&tag=${ordinary_base#*:}" \
      -X POST --max-time 30 --output /dev/null 2>/dev/null || true
    engine_has_image $ordinary_base && return 0
    echo "$ordinary_base cannot be pulled here: making a base image from Debian's busybox-static instead ($made_base)"
    _make_base "$1"
  fi
  base=$made_base
}

_make_base() {
  local root_fs=$1/base busybox applets applet
  busybox=$(_static_busybox "$1")
  applets=$("$busybox" --list)
  grep -qx httpd <<<"$applets" || { echo "$busybox has no httpd, which the examples need" >&2; return 1; }
  rm -rf "$root_fs"
  mkdir -p "$root_fs"/{bin,dev,etc,proc,sys,tmp,www}
  chmod 1777 "$root_fs/tmp"
  cp "$busybox" "$root_fs/bin/busybox"
  for applet in $applets; do
    [ "$applet" = busybox ] || ln -s busybox "$root_fs/bin/$applet"
  done
  echo 'root:x:0:0:root:/:/bin/sh' >"$root_fs/etc/passwd"
  echo 'root:x:0:' >"$root_fs/etc/group"
  echo 'hosts: files dns' >"$root_fs/etc/nsswitch.conf"
  tar -C "$root_fs" --owner=0 --group=0 --numeric-owner -cf "$1/base.tar" .
  engine_api "/images/create?fromSrc=-&repo=${made_base%:*}&tag=${made_base#*:}" \
    -X POST -H 'Content-Type: application/x-tar' --data-binary @"$1/base.tar" --fail --output /dev/null
  rm -rf "$root_fs" "$1/base.tar"
}

# Print the path of a busybox without libraries: the installed one, else one unpacked from Debian's package.
_static_busybox() {
  local installed
  installed=$(command -v busybox || true)
  if [ -n "$installed" ] && ! ldd "$installed" >/dev/null 2>&1; then
    echo "$installed"
    return 0
  fi
  if ! command -v apt-get >/dev/null; then
    echo "a static busybox is needed to make a base image: install it, or let the engine pull $ordinary_base" >&2
    return 1
  fi
  mkdir -p "$1/busybox"
  (
    cd "$1/busybox"
    apt-get download busybox-static || { apt-get update && apt-get download busybox-static; }
    dpkg-deb --extract busybox-static_*.deb .
  ) >"$1/busybox/log" 2>&1 || { tail -5 "$1/busybox/log" >&2; return 1; }
  find "$1/busybox" -path '*/bin/busybox' -type f
}
