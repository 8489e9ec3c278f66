# The vocabulary of the project. Every target installs what it needs and is cheap when nothing is to do.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev system lab lab-down demo lint unit browser molecule thorough engine-29 emulated bench bench-certificates mutants mutants-sample test

VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
export PATH := $(BIN):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Archives of other engines, for the tests that need one; without any they are skipped.
export MOORING_ENGINES ?= $(abspath $(wildcard ../shared/engines))

ENGINE_29 := 29.7.2

help: ## show this list
	@sed -nE 's/^([a-z0-9-]+):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(VENV)/.runtime ## create .venv with what the playbooks need
setup-dev: $(VENV)/.development

$(VENV)/.runtime: requirements.txt lab/system-packages lab/link-collection
	lab/system-packages controller
	test -x $(BIN)/python || python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	lab/link-collection
	touch $@

$(VENV)/.development: requirements-dev.txt $(VENV)/.runtime
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

lab: setup ## boot the hosts of inventory/lab
	lab/system-packages lab
	$(BIN)/python -m lab up inventory/lab

lab-down: setup ## remove the lab without a trace
	$(BIN)/python -m lab down inventory/lab

demo: lab ## boot, provision, verify and show the lab
	$(BIN)/ansible-playbook -i inventory/lab playbooks/site.yml
	lab/demo

lint: setup-dev ## ruff, mypy, vermin (what runs on hosts runs on Python 3.9), yamllint, ansible-lint, documentation
	ruff check .
	ruff format --check .
	mypy
	vermin --target=3.9- --no-tips --violations --quiet plugins/module_utils plugins/modules
	yamllint --strict .
	ansible-lint --offline
	tests/documentation

unit: setup-dev ## the pure logic
	$(BIN)/pytest tests/unit

browser: setup-dev ## the report in a headless Chromium
	lab/system-packages browser
	$(BIN)/pytest tests/browser

molecule: setup-dev ## create, converge, idempotence, check, verify and destroy on real hosts
	lab/system-packages lab
	tests/molecule

thorough: setup-dev ## the scenario transaction with all its samples and 20 cuts of each kind (about an hour)
	lab/system-packages lab
	MOORING_THOROUGH=1 tests/molecule transaction

engine-29: setup-dev ## the scenarios on hosts with an engine 29 from MOORING_ENGINES, with both of its packet filters (hours)
	lab/system-packages lab
	for backend in nftables iptables; do \
	    MOORING_ENGINE=$(ENGINE_29) MOORING_BACKEND=$$backend tests/molecule network transaction remote certificates || exit; \
	done

emulated: setup-dev ## containers of two hosts over macvlan and ipvlan, on machines with kernels of their own (QEMU)
	lab/system-packages lab
	lab/system-packages emulated
	tests/emulated

bench: setup ## what runs cost on 1 and 8 hosts (BENCH_HOSTS=40: on 40 too), beside a script by hand (about an hour)
	lab/system-packages lab
	$(BIN)/python -m tests.benchmarks

bench-certificates: lab ## what 200 certificates cost, on the lab once it is provisioned
	tests/benchmarks/issue_certificates

mutants: setup-dev ## break each guarantee on purpose in a copy, and say which test notices (an hour, those on a lab included)
	lab/system-packages lab
	$(BIN)/python -m tests.mutants

mutants-sample: setup-dev ## ten of them, by unit tests alone
	$(BIN)/python -m tests.mutants --sample 10

test: setup-dev ## everything that guards main
	$(MAKE) --jobs=2 --output-sync=target lint unit mutants-sample browser
	$(MAKE) molecule
