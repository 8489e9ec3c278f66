#!/bin/sh
# What an administrator would run by hand on a bare host, as root: by_hand.sh NAME ADDRESS
# An engine with mutual TLS, the same options and a network: the state to which playbooks/site.yml brings the host, as
# far as the host's clients can tell. It checks nothing, renews nothing, and cannot be run twice.
set -eu
name=$1 address=$2
export DEBIAN_FRONTEND=noninteractive

tls=/etc/docker/tls
mkdir -p $tls /etc/systemd/system/docker.service.d
cd $tls
umask 077
for authority in server-ca client-ca; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj "/CN=$authority" \
        -keyout $authority.key -out $authority.pem
done
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=$name" -keyout key.pem -out request.pem
cat > extensions <<EOF
subjectAltName = DNS:$name, DNS:localhost, IP:127.0.0.1, IP:$address
extendedKeyUsage = serverAuth
EOF
openssl x509 -req -in request.pem -CA server-ca.pem -CAkey server-ca.key -days 397 -extfile extensions -out cert.pem
umask 022

cat > /etc/docker/daemon.json <<EOF
{
  "hosts": ["fd://", "tcp://0.0.0.0:2376"],
  "tls": true,
  "tlsverify": true,
  "tlscacert": "$tls/client-ca.pem",
  "tlscert": "$tls/cert.pem",
  "tlskey": "$tls/key.pem",
  "bip": "172.31.0.1/24",
  "default-address-pools": [{"base": "172.31.0.0/16", "size": 24}],
  "live-restore": true,
  "labels": ["benchmark=0"],
  "log-driver": "json-file",
  "log-opts": {"max-size": "10m"}
}
EOF
cat > /etc/systemd/system/docker.service.d/listen.conf <<EOF
[Service]
ExecStart=
ExecStart=/usr/sbin/dockerd --containerd=/run/containerd/containerd.sock
EOF

apt-get update -q
apt-get install -q -y --no-install-recommends docker.io docker-cli docker-buildx docker-compose
docker network create --subnet 172.30.8.0/24 backend
docker version
