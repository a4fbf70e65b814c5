#!/bin/sh
# Ends at once and leaves a daemon in a session of its own, which no group signal reaches and SIGTERM does not end.
# Prints the daemon's process id. With "holding" the daemon keeps the standard output open.
daemon='trap "" TERM HUP INT; echo $$ > "$0"; while :; do sleep 0.2; done'
pidfile=$(mktemp)
if [ "$1" = "holding" ]; then
  setsid sh -c "$daemon" "$pidfile" &
else
  setsid sh -c "$daemon" "$pidfile" < /dev/null > /dev/null 2>&1 &
fi
while [ ! -s "$pidfile" ]; do sleep 0.01; done
cat "$pidfile"
rm -f "$pidfile"
