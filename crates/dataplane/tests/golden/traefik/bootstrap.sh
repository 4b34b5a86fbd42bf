#!/bin/sh
# Starts Traefik (3.7 or later) for the policies of a tenant. Run it with the node's key in TM_TOKEN:
#   TM_TOKEN=… sh traefik.sh
# WEB is the entry point for requests, TRAEFIK the proxy's own: /ping, /metrics, and /revision, whose
# header x-tm-revision tells the revision that is in use. For TLS towards clients add the settings
# of Traefik's entry points here.
set -eu
: "${TM_TOKEN:?must be the key of the node}"
export TRAEFIK_GLOBAL_CHECKNEWVERSION='false'
export TRAEFIK_GLOBAL_SENDANONYMOUSUSAGE='false'
export TRAEFIK_ENTRYPOINTS_WEB_ADDRESS='127.0.0.1:28080'
export TRAEFIK_ENTRYPOINTS_TRAEFIK_ADDRESS='127.0.0.1:28180'
export TRAEFIK_API='false'
export TRAEFIK_PING='true'
export TRAEFIK_METRICS_PROMETHEUS='true'
export TRAEFIK_PROVIDERS_PROVIDERSTHROTTLEDURATION='0s'
export TRAEFIK_PROVIDERS_HTTP_ENDPOINT='http://127.0.0.1:28100/dataplane/traefik?tenant=acme&env=prod'
export TRAEFIK_PROVIDERS_HTTP_POLLINTERVAL='1s'
export TRAEFIK_PROVIDERS_HTTP_HEADERS_AUTHORIZATION="Bearer $TM_TOKEN"
unset TM_TOKEN
# The shell cannot export names with a hyphen.
exec env TRAEFIK_PROVIDERS_HTTP_HEADERS_TM-DIALECT=traefik TRAEFIK_PROVIDERS_HTTP_HEADERS_TM-NODE='edge-1' traefik "$@"
