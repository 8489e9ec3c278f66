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