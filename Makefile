# `make` lists what there is. Everything runs from the lock files: .venv (Ansible) and lab/.venv (the embedded cloud).
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup engine lab demo demo-down test lint unit docs clean

export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Without what Python compiled the first time, each start of Ansible takes two seconds longer.
export PYTHONDONTWRITEBYTECODE :=
BIN := .venv/bin
LAB := lab/.venv/bin/python -m lab
TESTS ?= tests
TARGET ?= ecs

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## Install the locked Python environments
	@tools/setup.sh

engine: setup ## Install and start a Docker engine where none answers
	@tools/engine.sh

lab: engine ## Start the embedded cloud
	@$(LAB) up

demo: lab ## Deploy the sample application on the embedded cloud (TARGET=ec2 for hosts)
	@tools/demo.sh $(TARGET)

demo-down: ## Remove every trace of the demo
	@tools/demo-down.sh

lint: setup ## Run every linter
	@tools/lint.sh

unit: setup ## Run the quick tests: no Docker, no lab, no run of Ansible
	@$(BIN)/pytest tests/unit --numprocesses auto

test: engine ## Run the linters and all tests (TESTS=tests/e2e for some)
	@tools/test.sh $(TESTS)

docs: setup ## Generate the roles' READMEs from their argument specs
	@$(BIN)/python tools/role_docs.py

clean: ## Remove the demo, the environments and the cached images as well
	@tools/clean.sh
