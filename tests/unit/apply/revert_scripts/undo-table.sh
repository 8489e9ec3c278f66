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