# podman-docker by the fields of Debian 13's, without Podman itself.
cd /var/tmp
mkdir -p podman-docker/DEBIAN podman-docker/usr/bin
printf '#!/bin/sh\necho podman\n' >podman-docker/usr/bin/docker
chmod 755 podman-docker/usr/bin/docker
cat >podman-docker/DEBIAN/control <<END
Package: podman-docker
Version: 5.4.2
Architecture: all
Maintainer: M <m@debian.example>
Description: d
Conflicts: docker-ce-cli, docker-cli, docker.io
END
dpkg-deb -Znone --build podman-docker >/dev/null
dpkg --install podman-docker.deb >/dev/null
