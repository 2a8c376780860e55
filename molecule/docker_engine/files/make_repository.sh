#!/bin/sh
# Makes a signed repository laid out as Docker's, of packages that bear Docker's names and bring Debian's engine.
set -eu

root=$1
dist=$root/debian
architecture=$(dpkg --print-architecture)
pool=dists/bookworm/pool/stable/$architecture
index=dists/bookworm/stable/binary-$architecture
mkdir -p "$dist/$pool" "$dist/$index"
work=$(mktemp -d)
cd "$work"

apt-get --quiet download docker.io > /dev/null
dpkg-deb --extract docker.io_*.deb docker-ce
# Docker's daemon is elsewhere than Debian's, and knows --validate.
mkdir -p docker-ce/usr/libexec
mv docker-ce/usr/sbin/dockerd docker-ce/usr/libexec/dockerd
sed -i 's|/usr/sbin/dockerd|/usr/bin/dockerd|' docker-ce/lib/systemd/system/docker.service
cat > docker-ce/usr/bin/dockerd <<'WRAPPER'
#!/bin/sh
if [ "$1" = --validate ]; then
    echo "$@" > /run/docker-validated
    exec python3 -m json.tool "$3" /dev/null
fi
exec /usr/libexec/dockerd "$@"
WRAPPER
chmod 755 docker-ce/usr/bin/dockerd
mkdir docker-ce/DEBIAN
cat > docker-ce/DEBIAN/postinst <<'POSTINST'
#!/bin/sh
getent group docker > /dev/null || groupadd --system docker
POSTINST
chmod 755 docker-ce/DEBIAN/postinst

pack() { # name version dependencies
    mkdir -p "$1/DEBIAN"
    cat > "$1/DEBIAN/control" <<CONTROL
Package: $1
Version: $2
Architecture: $architecture
Maintainer: The scenario docker_engine <nobody@localhost>
Depends: $3
Description: Stands for Docker's package of this name
CONTROL
    dpkg-deb --root-owner-group -Zgzip -z1 --build "$1" "$dist/$pool" > /dev/null
}

for version in 28.3.3 28.30.0 29.0.1; do
    pack docker-ce "5:$version-1~debian.12~bookworm" 'containerd.io, docker-ce-cli, iptables'
    pack docker-ce-cli "5:$version-1~debian.12~bookworm" libc6
done
pack containerd.io 1.7.27-1 containerd

cd "$dist"
apt-ftparchive packages "$pool" > "$index/Packages"
apt-ftparchive \
    -o APT::FTPArchive::Release::Suite=bookworm \
    -o APT::FTPArchive::Release::Components=stable \
    -o "APT::FTPArchive::Release::Architectures=$architecture" \
    release dists/bookworm > "$work/Release"
export GNUPGHOME="$work/keys"
mkdir -m 700 "$GNUPGHOME"
gpg --quiet --batch --passphrase '' --quick-generate-key docker-engine@localhost
gpg --armor --export > "$dist/gpg"
gpg --quiet --clear-sign --output dists/bookworm/InRelease "$work/Release"
rm -rf "$work"
