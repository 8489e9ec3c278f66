"""The lab: the hosts of an inventory as disposable systemd-nspawn machines, each with its own kernel view,
address, SSH host key and journal. The inventory is the only description: `python -m lab up INVENTORY`."""
