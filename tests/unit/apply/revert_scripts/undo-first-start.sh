systemctl stop docker.service docker.socket
[ ! -e /sys/class/net/docker0 ] || ip link delete docker0