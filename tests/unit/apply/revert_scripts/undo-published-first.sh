[ $live = yes ] || return 0
rm -f /run/mooring/published-engine.nft; rmdir /run/mooring 2>&-
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