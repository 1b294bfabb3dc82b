# docker-ce as its maker packs it, in place of Debian's engine. The fields that say what excludes what are those of docker-ce
# 29 and containerd.io for Debian; the files are Debian's, as if they had come in these packages.
pack() {
    name=$1 fields=$2
    shift 2
    root=/var/tmp/$name
    mkdir -p "$root/DEBIAN"
    dpkg --listfiles "$@" | sort -u | grep -v ^/etc | while read -r path; do
        if [ -L "$path" ] || [ -f "$path" ]; then cp --archive --parents "$path" "$root"; fi
    done
    printf "Package: %s\nVersion: 5:29.1.5\nArchitecture: amd64\nMaintainer: M <m@docker.example>\nDescription: d\n%b\n" \
        "$name" "$fields" >"$root/DEBIAN/control"
}
ours='Conflicts: docker (<< 1.5~), docker-engine, docker.io'
pack docker-ce "Depends: docker-ce-cli, containerd.io\n$ours" docker.io
pack docker-ce-cli "$ours" docker-cli
pack containerd.io 'Provides: containerd, runc\nConflicts: containerd, runc\nReplaces: containerd, runc' containerd runc
cd /var/tmp
mkdir -p docker-ce/usr/bin
mv docker-ce/usr/sbin/dockerd docker-ce/usr/bin/
sed -i 's:/usr/sbin/:/usr/bin/:; /EnvironmentFile/d; s: [$]DOCKER_OPTS::' docker-ce/usr/lib/systemd/system/docker.service
dpkg --remove --force-depends docker.io docker-cli containerd runc >/dev/null 2>&1
for name in containerd.io docker-ce-cli docker-ce; do
    dpkg-deb -Znone --build $name >/dev/null
    dpkg --install $name.deb >/dev/null
    rm -r $name $name.deb
done
systemctl daemon-reload
