#!/bin/sh
# Take back what Mooring changed and nobody confirmed.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
cd /var/lib/mooring/confirm || exit 1
read -r boot until seconds < deadline
live=yes
if [ "${1-}" = now ]; then
    why="the change failed"
else
    # A run that is still at work holds the lock, and may confirm or prolong.
    exec 9>> /run/mooring-docker.lock
    flock 9
    [ -e revert ] || exit 0
    read -r boot until seconds < deadline
    read -r uptime idle < /proc/uptime
    if [ "$boot" != "$(cat /proc/sys/kernel/random/boot_id)" ]; then
        why="the host was started anew before the change was confirmed"
        live=no
    elif [ "${uptime%.*}" -lt "$until" ]; then
        exit 0
    else
        why="nobody confirmed the change within $seconds s"
    fi
fi
failed=
try() { "$@" || failed="; not all of it worked, journalctl -u mooring-revert.service says what"; }
back() { mkdir -p "${2%/*}" && cp -a "$1" "$2.mooring" && mv -fT "$2.mooring" "$2"; }
try back old-0 /var/lib/mooring/good.json
try back old-1 /var/lib/mooring/applied.json
try back old-2 /etc/docker/daemon.json
try rm -f /etc/systemd/system/docker.socket.d/50-mooring.conf
try back old-3 '/etc/it'"'"'s'
try systemctl daemon-reload
undo() {
[ $live = yes ] || return 0
engine() {
    for socket in /run/docker.sock '/srv/a b.sock'; do
        docker --host "unix://$socket" version > /dev/null 2>&1 || continue
        docker --host "unix://$socket" "$@"
        return
    done
    return 1
}
others=
if systemctl is-active --quiet docker.service; then
    others=$(engine ps --quiet --no-trunc)
    [ -z "$others" ] || engine stop $others
fi
systemctl stop docker.service docker.socket
if [ -e /sys/class/net/docker0 ]; then
    ip -oneline address show dev docker0 scope global | while read -r number name family address more; do
        case " 172.17.0.1/16 fd00::1/64 " in *" $address "*) ;; *) ip address delete "$address" dev docker0 ;; esac
    done
    for address in 172.17.0.1/16 fd00::1/64; do ip address replace "$address" dev docker0; done
fi
systemctl reset-failed docker.service docker.socket
systemctl start --job-mode=ignore-dependencies docker.socket &&
    systemctl start --job-mode=ignore-dependencies docker.service || return 1
for container in id-database id-web $others; do
    engine start "$container" || [ -z "$(engine ps --all --quiet --filter "id=$container")" ] || return 1
done
rm -f /var/lib/mooring/drained.json
}
try undo
undo() {
[ $live = yes ] || return 0
rmdir /etc/mooring /etc/systemd/system 2>&-
nft -f - <<'END'
table inet mooring_endpoint
delete table inet mooring_endpoint
table inet mooring_endpoint {
	chain input {
		socket cgroupv2 level 2 "system.slice/docker.service" goto outside
	}
}
END
}
try undo
echo "$(date --utc +%FT%TZ) $why$failed" > reverted
rm -f revert armed.json deadline old-* /etc/systemd/system/sysinit.target.wants/mooring-revert.service /etc/systemd/system/mooring-revert.service
[ -z "$failed" ]
