# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The only door: "make up" runs the main job on a laboratory, "make test" proves it.

SHELL := /bin/bash
export LC_ALL := C.UTF-8
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Molecule names its state after the folder's basename: two checkouts of one name must not share it.
export ANSIBLE_HOME := $(CURDIR)/.ansible

# The hosts of "make up": containers, or, with LAB=kernel, machines with kernels of their own.
LAB ?= container
$(if $(filter-out container kernel,$(LAB)),$(error Could not use lab '$(LAB)': there is none of that name. Say LAB=container or LAB=kernel))
INVENTORY ?= $(if $(filter kernel,$(LAB)),inventories/kernel,inventories/lab)
ON_LAB := ansible-playbook -i inventories/lab

.DEFAULT_GOAL := help
.PHONY: help up down down-container down-kernel hosts-container hosts-kernel env lab site show test test-long lint unit sanity molecule build docs lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: lab site show ## Environment, engine, five lab hosts, site.yml; then show what runs and where; LAB=kernel: on kernels of their own

down: down-$(LAB) ## Remove every trace of the lab from this machine; LAB=kernel: the nodes, and with ALL=1 what they are made from

down-container: env
	@tests/lab/engine up
	@$(ON_LAB) molecule/default/destroy.yml
	@tests/lab/clean
	@tests/lab/engine down

down-kernel:
	@tests/lab/kernel/down $(if $(ALL),--all)

env: ## Make or refresh .venv
	@tests/environment

lab: env ## The lab hosts alone, bare
	@tests/lab/engine up
	@tests/lab/images
	@$(MAKE) --no-print-directory hosts-$(LAB)

hosts-container:
	@$(ON_LAB) molecule/default/create.yml

hosts-kernel:
	@tests/lab/kernel/build
	@tests/lab/kernel/image
	@tests/lab/kernel/up

site: env ## Run site.yml over INVENTORY (default: the lab)
	@ansible-playbook -i $(INVENTORY) playbooks/site.yml

show: env ## Show what runs and where
	@ansible-playbook -i $(INVENTORY) playbooks/show.yml

test: env ## All tests; ends with "N passed, N failed"
	@tests/run

test-long: env ## What takes longer: engines 20.10, 26.1 and 28.5, 26 stack files, secrets, two runs at once, a change of roles, autolock, an upgrade
	@tests/run engines
	@tests/run stack_files images canary two_runs role_change autolock engine_upgrade

lint: env ## ansible-lint, yamllint, ruff, mypy
	@tests/lint

unit: env ## Unit tests
	@tests/unit/run

sanity: env ## ansible-test sanity
	@tests/sanity/run

molecule: env ## One story on the lab, S=name; KEEP=1 leaves its hosts
	@tests/run $(or $(S),$(error Could not run a story: S is not given. Say which one, e.g. make molecule S=labels))

build: env ## The collection's tarball, in build/
	@mkdir -p build
	@ansible-galaxy collection build --force --output-path build

docs: env ## Check the documentation of modules and roles
	@tests/docs

lock: env ## Renew the pins of requirements-dev.txt from requirements-dev.in
	@uv pip compile --quiet --universal --python-version 3.11 --no-header requirements-dev.in -o requirements-dev.txt
