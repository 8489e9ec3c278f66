[ $live = yes ] || return 0

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
