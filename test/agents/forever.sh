#!/bin/sh
# Never ends by itself; SIGTERM ends it.
echo "ready"
while :; do sleep 1; done
