# What the CIS benchmark for Debian and dev-sec's os- and ssh-hardening set, as far as a station meets it.
apt-get -qq update
apt-get -qq install --yes --no-install-recommends libpam-pwquality cron >/dev/null 2>&1

# Accounts: who may log in, and whose shell is taken.
groupadd sshusers && usermod --append --groups sshusers beheer
passwd --quiet --lock root
awk -F: '$3 < 1000 && $1 != "root" && $7 !~ /nologin|false|sync/ { print $1 }' /etc/passwd |
    while read -r name; do usermod --shell /usr/sbin/nologin "$name"; done
useradd --defaults --inactive 30 >/dev/null
sed -i 's/^#\?UMASK.*/UMASK 027/; s/^PASS_MAX_DAYS.*/PASS_MAX_DAYS 365/' /etc/login.defs
echo 'umask 027' >/etc/profile.d/umask.sh
echo 'readonly TMOUT=900; export TMOUT' >/etc/profile.d/tmout.sh
cat /etc/profile.d/umask.sh /etc/profile.d/tmout.sh >>/etc/bash.bashrc
echo '* hard core 0' >/etc/security/limits.d/core.conf
echo root >/etc/cron.allow
chmod 600 /etc/cron.allow /etc/crontab
chmod 750 /home/beheer

# PAM: three wrong passwords close an account, passwords are strong, and only some may come in.
cat >/usr/share/pam-configs/faillock_notify <<'X'
Name: Notify of failed attempts, and forget them after a right one
Default: yes
Priority: 1024
Auth-Type: Primary
Auth:
	requisite pam_faillock.so preauth
Account-Type: Primary
Account:
	required pam_faillock.so
X
cat >/usr/share/pam-configs/faillock <<'X'
Name: Close an account after failed attempts
Default: yes
Priority: 0
Auth-Type: Primary
Auth:
	[default=die] pam_faillock.so authfail
X
DEBIAN_FRONTEND=noninteractive pam-auth-update --enable faillock faillock_notify pwquality
printf 'deny = 3\nunlock_time = 900\neven_deny_root\n' >>/etc/security/faillock.conf
printf 'minlen = 14\nminclass = 4\nenforce_for_root\n' >>/etc/security/pwquality.conf
echo 'session optional pam_umask.so umask=0027' >>/etc/pam.d/common-session
echo 'session optional pam_umask.so umask=0027' >>/etc/pam.d/common-session-noninteractive
sed -i '/pam_nologin/a account required pam_access.so' /etc/pam.d/sshd
printf '+:root (sshusers) (station-control):ALL\n-:ALL:ALL\n' >>/etc/security/access.conf
groupadd --system suers
echo 'auth required pam_wheel.so use_uid group=suers' >>/etc/pam.d/su

# sudo: programs of Debian's packages only, in a terminal of their own, and all is written down.
cat >/etc/sudoers.d/hardening <<'X'
Defaults use_pty
Defaults umask=0027, umask_override
Defaults logfile="/var/log/sudo.log"
Defaults timestamp_timeout=15
Defaults secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
X
chmod 440 /etc/sudoers.d/hardening && visudo --check --quiet

# sshd.
echo 'Only for those who are allowed to.' >/etc/issue.net
cat >/etc/ssh/sshd_config.d/00-hardening.conf <<'X'
AllowGroups sshusers
Banner /etc/issue.net
Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com
ClientAliveCountMax 3
ClientAliveInterval 15
DisableForwarding yes
GSSAPIAuthentication no
HostbasedAuthentication no
KbdInteractiveAuthentication no
KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256
LogLevel VERBOSE
LoginGraceTime 60
MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com
MaxAuthTries 4
MaxSessions 2
MaxStartups 10:30:60
PasswordAuthentication no
PermitEmptyPasswords no
PermitRootLogin no
PermitUserEnvironment no
UsePAM yes
X
chmod 600 /etc/ssh/sshd_config /etc/ssh/sshd_config.d/00-hardening.conf
systemctl reload ssh

# The firewall, network settings and mounts; the latter in a unit, since a container has no fstab of its own.
cat >/etc/nftables.conf <<'X'
#!/usr/sbin/nft -f
table inet filter
delete table inet filter
table inet filter {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iif lo accept
        ip saddr 127.0.0.0/8 drop
        icmp type echo-request accept
        tcp dport 22 accept
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
    }
    chain output {
        type filter hook output priority filter; policy accept;
    }
}
X
systemctl enable --quiet nftables
systemctl reload nftables # a restart would empty all, by which a container asks its name server
cat >/usr/local/sbin/hardening <<'X'
#!/bin/sh -e
sysctl --quiet --ignore --write net.ipv4.ip_forward=0 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1 \
    net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.default.accept_redirects=0 net.ipv4.conf.all.send_redirects=0 \
    net.ipv4.conf.all.accept_source_route=0 net.ipv4.conf.all.log_martians=1 net.ipv6.conf.all.accept_redirects=0 \
    net.ipv6.conf.all.accept_ra=0 net.ipv4.tcp_syncookies=1
mount --options remount,noexec,nosuid,nodev /tmp
mount --options noexec,nosuid,nodev,mode=1777 --types tmpfs tmpfs /var/tmp
mount --options remount,noexec,nosuid,nodev /dev/shm
mount --options remount,hidepid=invisible /proc
X
chmod 750 /usr/local/sbin/hardening
cat >/etc/systemd/system/hardening.service <<'X'
[Unit]
DefaultDependencies=no
After=local-fs.target
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=true
ExecStart=/usr/local/sbin/hardening
[Install]
WantedBy=sysinit.target
X
systemctl enable --quiet --now hardening
