#!/bin/sh
# Runs inside the new root: account, units, and what a container has no use for. $1 is the kind of image.
set -e
kind=$1

useradd --create-home --shell /bin/bash --groups sudo beheer
chmod 0440 /etc/sudoers.d/beheer
chmod 0755 /usr/local/sbin/sandbox-init /usr/local/sbin/sandbox-seed

# Each server gets its own on first boot; a copy in the image would be one identity for all.
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
: >/etc/machine-id
: >/etc/hostname

# Hardware, consoles, timers and kernel settings belong to the machine that runs the container.
# systemd-sysctl among them: kernel.* and fs.* are not per container, it would set them for everybody.
systemctl mask --quiet \
    getty.target console-getty.service getty@tty1.service systemd-ask-password-wall.path \
    systemd-ask-password-console.path systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
    systemd-udev-trigger.service systemd-udev-settle.service systemd-modules-load.service systemd-sysctl.service \
    systemd-binfmt.service systemd-remount-fs.service systemd-random-seed.service systemd-hwdb-update.service \
    systemd-journal-catalog-update.service systemd-update-done.service systemd-update-utmp.service \
    systemd-firstboot.service systemd-machine-id-commit.service systemd-vconsole-setup.service ldconfig.service \
    systemd-pcrphase.service systemd-pcrmachine.service systemd-tpm2-setup.service systemd-tpm2-setup-early.service \
    kmod-static-nodes.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    sys-kernel-config.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount \
    proc-sys-fs-binfmt_misc.mount apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer sshd-keygen.service
# Not masked: a reboot asks for it over D-Bus. Only nobody sits at this server, so it need not run from the start.
rm /usr/lib/systemd/system/multi-user.target.wants/systemd-logind.service
systemctl set-default --quiet multi-user.target
systemctl enable --quiet sandbox-seed.service ssh.service

case $kind in
server)
    # Installed, not running: as on a server whose administrator waits for the role to configure it.
    # The engine starts when somebody first talks to its socket.
    systemctl disable --quiet haproxy.service docker.service containerd.service
    systemctl enable --quiet docker.socket
    ;;
bare)
    systemctl enable --quiet nftables.service
    ;;
esac

rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/apt \
    /var/log/dpkg.log /var/log/alternatives.log /var/log/bootstrap.log /var/cache/ldconfig/aux-cache
