# shellcheck shell=bash
choose_kind() { KIND=local; }
