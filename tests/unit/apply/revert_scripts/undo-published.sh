[ $live = yes ] || return 0
mkdir -p /run/mooring
{
group=$(systemctl show --property ControlGroup --value docker.service)
level=$(printf %s "$group" | tr -cd / | wc -c)
[ -z "$group" ] || printf 'socket cgroupv2 level %d "%s" goto outside\n' "$level" "${group#/}"
} > /run/mooring/published-engine.nft
[ -s /run/mooring/published-engine.nft ] || rm /run/mooring/published-engine.nft
rmdir /etc/mooring 2>&-
nft -f - <<'END'
table inet mooring_published
delete table inet mooring_published
table inet mooring_published {
	chain input {
		include "/run/mooring/published-engine*.nft"
	}
}
END